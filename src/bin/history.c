/*
 * history.c
 *	  Verify proofs of the life of a row: a line for each version, and one for
 *	  the verdict.
 *
 * Everything that judges is core.  Nothing of a proof is printed before all of
 * it has been verified.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "core/historyproof.h"
#include "verify.h"

typedef struct Checker
{
	/* what the caller asks and trusts */
	Trust		trust;
	bool		json;
	/* the proof at hand */
	const char *name;
	char	   *text;
	size_t		capacity;
	cc_history	h;
	/* what came out */
	uint64_t	invalid;
	uint64_t	unchecked;
} Checker;

static const char usage_text[] =
"Usage: pg_custody_verify history [OPTION]... PROOF...\n"
"\n"
"Verifies proofs of the life of a row ('-' reads standard input) against keys that\n"
"you trust.  Prints a line for each version, how it is bound to the one before it\n"
"and what is not shown, and a line for the verdict.  Needs no server and no network.\n"
"\n"
TRUST_USAGE
"  --json         print a JSON object for each proof\n"
"  --help         print this and exit\n"
"  --version      print the version and exit\n"
"\n"
"Exit status: 0 all valid, 1 some invalid, 2 some could not be checked.\n";

static cc_history_room room;

static void
show_proof_name(const Checker *p)
{
	cc_slice	name;

	name.data = (const uint8_t *) p->name;
	name.len = strlen(p->name);
	if (p->json)
	{
		fputs("{\"file\": ", stdout);
		show_json_text(name);
		return;
	}
	show_file(name);
	fputs(": ", stdout);
}

/* What is wrong, or cannot be checked; at: the entry, or none. */
static void
print_problem(Checker *p, bool checked, const char *what, const char *why,
			  const cc_history_item *at)
{
	if (checked)
		p->invalid++;
	else
		p->unchecked++;
	show_proof_name(p);
	if (p->json)
		printf(", \"valid\": %s, \"versions\": [], \"old_size\": null, \"tree_size\": null"
			   ", \"origin\": null, \"problem\": \"", checked ? "false" : "null");
	else
		fputs(checked ? "INVALID, " : "not checked, ", stdout);
	if (at != NULL)
		printf("entry %" PRIu64 " of leaf %" PRIu64 ": ", at->entry_no, at->leaf_index);
	fputs(what, stdout);
	if (why != NULL)
		printf(": %s", why);
	fputs(p->json ? "\"}\n" : "\n", stdout);
}

/* One version */

static void
print_version(const Checker *p, size_t at, const cc_history_version *v)
{
	const cc_history_item *item = &p->h.items[at];
	const char *gap = cc_history_gap(&p->h, at);

	show_proof_name(p);
	if (item->is_version)
	{
		show_name(v->schema.schema);
		(void) putchar('.');
		show_name(v->schema.table);
		fputs(" (", stdout);
		show_row_key(false, &v->schema, v->key);
		fputs(") ", stdout);
	}
	printf("%s at ", cc_kind_name(v->entry.kind));
	show_time(v->record.commit_time);
	if (item->is_version && cc_kind_has_row(v->entry.kind))
		show_row_values(false, &v->schema, v->columns);
	printf(", leaf %" PRIu64 ", %s", item->leaf_index, cc_history_link_text(item->link));
	if (gap != NULL)
		printf("; not shown: %s", gap);
	(void) putchar('\n');
}

static void
print_version_json(const Checker *p, size_t at, const cc_history_version *v)
{
	const cc_history_item *item = &p->h.items[at];
	const char *gap = cc_history_gap(&p->h, at);

	fputs("{\"relation\": ", stdout);
	if (item->is_version)
	{
		show_json_table(v->schema.schema, v->schema.table);
		fputs(", \"row_key\": {", stdout);
		show_row_key(true, &v->schema, v->key);
		(void) putchar('}');
	}
	else
		fputs("null, \"row_key\": null", stdout);
	printf(", \"operation\": \"%s\", \"changed_at\": \"", cc_kind_name(v->entry.kind));
	show_time(v->record.commit_time);
	fputs("\", \"values\": {", stdout);
	if (item->is_version && cc_kind_has_row(v->entry.kind))
		show_row_values(true, &v->schema, v->columns);
	printf("}, \"leaf_index\": %" PRIu64 ", \"entry_no\": %" PRIu64 ", \"link\": \"%s\", \"not_shown\": ",
		   item->leaf_index, item->entry_no, cc_history_link_text(item->link));
	if (gap == NULL)
		fputs("null}", stdout);
	else
		printf("\"%s\"}", gap);
}

/* Versions that no hash binds to the one before; *n: how many there are. */
static uint64_t
count_gaps(const cc_history *h, uint64_t *n)
{
	uint64_t	gaps = 0;
	size_t		i;

	*n = 0;
	for (i = 0; i < h->nitems; i++)
	{
		cc_history_link link = h->items[i].link;

		*n += link != CC_LINK_NONE;
		gaps += link == CC_LINK_NEW_LIFE || link == CC_LINK_RECORDED_ANEW ||
			link == CC_LINK_EMPTIED || link == CC_LINK_ERASED;
	}
	return gaps;
}

static void
print_life_verdict(const Checker *p)
{
	uint64_t	n;
	uint64_t	gaps = count_gaps(&p->h, &n);

	show_proof_name(p);
	printf("valid, %" PRIu64 " %s, ", n, n == 1 ? "version" : "versions");
	if (gaps == 0)
		fputs("each linked to the one before it", stdout);
	else
		printf("%" PRIu64 " not linked to the one before", gaps);
	if (p->h.has_old)
		printf(", since size %" PRIu64 " of %s", p->h.old.size, p->h.old.origin);
	printf(", tree size %" PRIu64 ", origin %s\n", p->h.checkpoint.size, p->h.checkpoint.origin);
}

static void
print_life(const Checker *p)
{
	const cc_history_version *v;
	size_t		next = 0;
	bool		first = true;

	while ((v = cc_history_next(&p->h, &next, &room)) != NULL)
	{
		if (p->json && !first)
			fputs(", ", stdout);
		first = false;
		if (p->json)
			print_version_json(p, next - 1, v);
		else
			print_version(p, next - 1, v);
	}
}

static void
print_valid(const Checker *p)
{
	if (!p->json)
	{
		print_life(p);
		print_life_verdict(p);
		return;
	}
	show_proof_name(p);
	fputs(", \"valid\": true, \"versions\": [", stdout);
	print_life(p);
	if (p->h.has_old)
		printf("], \"old_size\": %" PRIu64, p->h.old.size);
	else
		fputs("], \"old_size\": null", stdout);
	printf(", \"tree_size\": %" PRIu64 ", \"origin\": \"%s\", \"problem\": null}\n",
		   p->h.checkpoint.size, p->h.checkpoint.origin);
}

/* Checking */

static void
make_room(Checker *p, size_t len)
{
	size_t		nschemas;
	size_t		nitems;

	cc_history_measure(p->text, len, &nschemas, &nitems);
	if (nschemas > p->h.schema_capacity)
		p->h.schemas = allocate(p->h.schemas, nschemas, sizeof(cc_slice));
	if (nitems > p->h.item_capacity)
		p->h.items = allocate(p->h.items, nitems, sizeof(cc_history_item));
	if (nschemas > p->h.schema_capacity)
		p->h.schema_capacity = nschemas;
	if (nitems > p->h.item_capacity)
		p->h.item_capacity = nitems;
}

static void
check_text(Checker *p, size_t len)
{
	cc_proof_step step;
	cc_status	status;
	size_t		at;

	make_room(p, len);
	status = cc_history_parse(&p->h, p->text, len);
	if (status != CC_OK)
	{
		print_problem(p, true, "not the one form of a history proof", cc_status_text(status), NULL);
		return;
	}
	status = cc_history_check(&p->h, &room, p->trust.keys, p->trust.nkeys, &step, &at);
	if (status == CC_OK)
		status = note_quorum(&p->trust, &p->h.checkpoint);
	if (status == CC_OK)
		print_valid(p);
	else
		print_problem(p, status != CC_E_CRYPTO && status != CC_E_UNSUPPORTED,
					  step == CC_STEP_NONE ? note_problem(status) : cc_proof_step_text(step),
					  cc_status_text(status), at < p->h.nitems ? &p->h.items[at] : NULL);
}

static void
check_file(Checker *p, const char *name)
{
	size_t		len = read_whole(name, &p->text, &p->capacity);

	p->name = name;
	if (!begins_with_line(p->text, len, CC_HISTORY_HEADER))
	{
		print_problem(p, false, "not a history proof of version 1", NULL, NULL);
		return;
	}
	if (memchr(p->text, '\r', len) != NULL)
	{
		print_problem(p, true, "it has carriage returns, which no proof is made with", NULL, NULL);
		return;
	}
	if (p->text[len - 1] == '\n' && p->text[len - 2] == '\n')
		len--;					/* psql ends what it prints with a LF */
	check_text(p, len);
}

static void
take_options(Checker *p, int argc, char **argv)
{
	static const struct option options[] = {
		TRUST_OPTIONS,
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0}
	};
	int			option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
	{
		if (option == 'j')
			p->json = true;
		else
			trust_option(&p->trust, option, usage_text);
	}
	if (optind == argc)
		cannot("name at least one proof; try --help");
	trust_needed(&p->trust);
}

int
history_main(int argc, char **argv)
{
	static Checker p;
	int			i;

	take_options(&p, argc, argv);
	for (i = optind; i < argc; i++)
		check_file(&p, argv[i]);
	finish_output();
	free(p.text);
	free(p.h.schemas);
	free(p.h.items);
	trust_free(&p.trust);
	return p.unchecked > 0 ? EXIT_CANNOT : p.invalid > 0 ? EXIT_FINDINGS : EXIT_VERIFIED;
}
