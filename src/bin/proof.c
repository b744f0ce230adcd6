/*
 * proof.c
 *	  Verify proofs of rows and of leaves, one line each.
 *
 * Everything that judges is core.  A proof that breaks a rule of
 * doc/format.md section 9 is invalid; a file that is no proof, or the proof
 * of a leaf that was not given, is not checked.  Nothing of a proof is
 * printed before all of it has been verified.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "core/rowproof.h"
#include "verify.h"

#define ROW_PROOF "custody-proof v1"
#define LEAF_PROOF "c2sp.org/tlog-proof@v1"

typedef struct Checker
{
	/* what the caller asks and trusts */
	Trust		trust;
	bool		json;
	const char *list;
	const char *leaf_file;
	char	   *leaf;
	size_t		leaf_len;
	/* the proof at hand */
	const char *name;
	char	   *text;
	size_t		capacity;
	/* what came out */
	uint64_t	proofs;
	uint64_t	invalid;
	uint64_t	unchecked;
} Checker;

static const char usage_text[] =
"Usage: pg_custody_verify proof [OPTION]... PROOF...\n"
"\n"
"Verifies proofs of rows, or of a leaf ('-' reads standard input), against keys\n"
"that you trust.  Prints a line for each.  Needs no server and no network.\n"
"\n"
TRUST_USAGE
"  --list FILE    verify the proofs in the files that FILE names, one a line\n"
"  --leaf FILE    the bytes that a leaf proof is of\n"
"  --json         print a JSON object for each proof\n"
"  --help         print this and exit\n"
"  --version      print the version and exit\n"
"\n"
"Exit status: 0 all valid, 1 some invalid, 2 some could not be checked.\n";

/* What JSON has of a proof that is not of a row. */
#define NO_ROW \
	", \"relation\": null, \"row_key\": null, \"operation\": null" \
	", \"changed_at\": null, \"values\": null"

/* Scratch for one proof; a table has no more columns. */
static uint16_t positions[CC_MAX_COLUMNS];
static cc_column definitions[CC_MAX_COLUMNS];
static cc_value key[CC_MAX_COLUMNS];
static cc_proof_column columns[CC_MAX_COLUMNS];

static cc_slice
slice(const char *text)
{
	cc_slice	s;

	s.data = (const uint8_t *) text;
	s.len = strlen(text);
	return s;
}

/* Printing */

static void
begin_line(const Checker *p, const char *verdict)
{
	if (p->json)
	{
		fputs("{\"file\": ", stdout);
		show_json_text(slice(p->name));
		printf(", \"valid\": %s", verdict);
		return;
	}
	show_file(slice(p->name));
	fputs(": ", stdout);
}

static void
end_line(const Checker *p, uint64_t leaf, const cc_checkpoint *c)
{
	if (p->json)
		printf(", \"leaf_index\": %" PRIu64 ", \"tree_size\": %" PRIu64
			   ", \"origin\": \"%s\", \"problem\": null}\n", leaf, c->size, c->origin);
	else
		printf(", leaf %" PRIu64 ", tree size %" PRIu64 ", origin %s\n", leaf, c->size, c->origin);
}

static void
print_problem(const Checker *p, const char *verdict, const char *what, const char *why)
{
	begin_line(p, verdict);
	if (p->json)
		fputs(NO_ROW ", \"leaf_index\": null, \"tree_size\": null, \"origin\": null, \"problem\": \"", stdout);
	else
		fputs(strcmp(verdict, "false") == 0 ? "INVALID, " : "not checked, ", stdout);
	fputs(what, stdout);
	if (why != NULL)
		printf(": %s", why);
	fputs(p->json ? "\"}\n" : "\n", stdout);
}

static void
invalid(Checker *p, const char *what, const char *why)
{
	p->invalid++;
	print_problem(p, "false", what, why);
}

static void
unchecked(Checker *p, const char *what, const char *why)
{
	p->unchecked++;
	print_problem(p, "null", what, why);
}

/* What OpenSSL cannot do says nothing about the proof. */
static void
refuse(Checker *p, const char *what, cc_status status)
{
	if (status == CC_E_CRYPTO || status == CC_E_UNSUPPORTED)
		unchecked(p, what, cc_status_text(status));
	else
		invalid(p, what, cc_status_text(status));
}

static void
print_row_json(const Checker *p, const cc_row_proof *proof)
{
	begin_line(p, "true");
	fputs(", \"relation\": ", stdout);
	show_json_table(proof->schema.schema, proof->schema.table);
	fputs(", \"row_key\": {", stdout);
	show_row_key(true, &proof->schema, proof->key);
	printf("}, \"operation\": \"%s\", \"changed_at\": \"", cc_kind_name(proof->entry.kind));
	show_time(proof->record.commit_time);
	fputs("\", \"values\": {", stdout);
	if (cc_kind_has_row(proof->entry.kind))
		show_row_values(true, &proof->schema, proof->columns);
	(void) putchar('}');
	end_line(p, proof->leaf.number, &proof->checkpoint);
}

static void
print_row(const Checker *p, const cc_row_proof *proof)
{
	begin_line(p, NULL);
	fputs("valid, ", stdout);
	show_name(proof->schema.schema);
	(void) putchar('.');
	show_name(proof->schema.table);
	fputs(" (", stdout);
	show_row_key(false, &proof->schema, proof->key);
	printf(") %s at ", cc_kind_name(proof->entry.kind));
	show_time(proof->record.commit_time);
	if (cc_kind_has_row(proof->entry.kind))
		show_row_values(false, &proof->schema, proof->columns);
	end_line(p, proof->leaf.number, &proof->checkpoint);
}

static void
print_leaf(const Checker *p, const cc_tlog_proof *proof, const cc_checkpoint *c)
{
	begin_line(p, "true");
	if (p->json)
		fputs(NO_ROW, stdout);
	else
		fputs("valid", stdout);
	end_line(p, proof->number, c);
}

/* Checking */

static void
check_row(Checker *p, size_t len)
{
	static cc_row_proof proof;
	cc_proof_step step = CC_STEP_NONE;
	cc_status	status;

	memset(&proof, 0, sizeof(proof));
	proof.schema.key_positions = positions;
	proof.schema.key_capacity = CC_MAX_COLUMNS;
	proof.schema.columns = definitions;
	proof.schema.column_capacity = CC_MAX_COLUMNS;
	proof.key = key;
	proof.columns = columns;
	proof.capacity = CC_MAX_COLUMNS;
	status = cc_row_proof_parse(&proof, p->text, len);
	if (status != CC_OK)
	{
		invalid(p, "not the one form of a row proof", cc_status_text(status));
		return;
	}
	status = cc_row_proof_check(&proof, p->trust.keys, p->trust.nkeys, &step);
	if (status == CC_OK)
		status = note_quorum(&p->trust, &proof.checkpoint);
	if (status != CC_OK)
		refuse(p, step == CC_STEP_NONE ? note_problem(status) : cc_proof_step_text(step), status);
	else if (p->json)
		print_row_json(p, &proof);
	else
		print_row(p, &proof);
}

static void
check_leaf(Checker *p, size_t len)
{
	cc_tlog_proof proof;
	cc_checkpoint c;
	cc_status	status;
	uint8_t		hash[CC_DIGEST_SIZE];

	if (p->leaf_file == NULL)
	{
		unchecked(p, "give the leaf's bytes with --leaf", NULL);
		return;
	}
	status = cc_tlog_proof_parse(&proof, p->text, len);
	if (status == CC_OK)
		status = cc_checkpoint_parse(&c, (const char *) proof.note.data, proof.note.len);
	if (status != CC_OK)
	{
		invalid(p, "not the one form of a leaf proof", cc_status_text(status));
		return;
	}
	cc_merkle_leaf(hash, p->leaf, p->leaf_len);
	status = cc_tlog_proof_check(&proof, &c, hash);
	if (status != CC_OK)
	{
		invalid(p, "the leaf is not in the log of the checkpoint", cc_status_text(status));
		return;
	}
	status = note_check(&p->trust, &c);
	if (status != CC_OK)
		refuse(p, note_problem(status), status);
	else
		print_leaf(p, &proof, &c);
}

static void
check_file(Checker *p, const char *name)
{
	size_t		len = read_whole(name, &p->text, &p->capacity);
	bool		row = begins_with_line(p->text, len, ROW_PROOF);

	p->name = name;
	p->proofs++;
	if (!row && !begins_with_line(p->text, len, LEAF_PROOF))
	{
		unchecked(p, "not a proof of version 1", NULL);
		return;
	}
	if (memchr(p->text, '\r', len) != NULL)
	{
		invalid(p, "it has carriage returns, which no proof is made with", NULL);
		return;
	}
	if (len > 1 && p->text[len - 1] == '\n' && p->text[len - 2] == '\n')
		len--;					/* psql ends what it prints with a LF */
	if (row)
		check_row(p, len);
	else
		check_leaf(p, len);
}

static void
check_list(Checker *p)
{
	LineReader	r;
	char	   *line;
	size_t		len;

	reader_open(&r, p->list);
	while ((line = reader_line(&r, &len)) != NULL)
	{
		line[len] = '\0';		/* where its LF was */
		if (len > 0)
			check_file(p, line);
	}
	reader_close(&r);
}

/* Options */

static void
take_options(Checker *p, int argc, char **argv)
{
	static const struct option options[] = {
		TRUST_OPTIONS,
		{"list", required_argument, NULL, 'l'},
		{"leaf", required_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0}
	};
	int			option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
	{
		if (option == 'l')
			p->list = optarg;
		else if (option == 'f')
			p->leaf_file = optarg;
		else if (option == 'j')
			p->json = true;
		else
			trust_option(&p->trust, option, usage_text);
	}
	if (optind == argc && p->list == NULL)
		cannot("name at least one proof; try --help");
	trust_needed(&p->trust);
}

int
proof_main(int argc, char **argv)
{
	static Checker p;
	size_t		capacity = 0;
	int			i;

	take_options(&p, argc, argv);
	if (p.leaf_file != NULL)
		p.leaf_len = read_whole(p.leaf_file, &p.leaf, &capacity);
	for (i = optind; i < argc; i++)
		check_file(&p, argv[i]);
	if (p.list != NULL)
		check_list(&p);
	if (p.proofs == 0)
		cannot("\"%s\" names no proof", p.list);
	finish_output();
	free(p.text);
	free(p.leaf);
	trust_free(&p.trust);
	return p.unchecked > 0 ? EXIT_CANNOT : p.invalid > 0 ? EXIT_FINDINGS : EXIT_VERIFIED;
}
