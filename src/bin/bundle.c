/*
 * bundle.c
 *	  Verify a ledger bundle offline, against verifier keys and anchors the
 *	  caller trusts.
 *
 * Everything that judges is core; this file compares the anchors
 * and prints.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/audit.h"
#include "core/bundle.h"
#include "environment.h"
#include "verify.h"
#include "versions.h"

typedef enum AnchorState
{
	ANCHOR_PENDING,
	ANCHOR_GOOD,
	ANCHOR_WRONG_ROOT,
	ANCHOR_WRONG_ORIGIN
} AnchorState;

typedef struct Anchor
{
	const char *file;
	char	   *note;			/* until its signature has been checked */
	size_t		len;
	char		origin[CC_ORIGIN_MAX + 1];
	uint64_t	size;
	uint8_t		root[CC_DIGEST_SIZE];
	AnchorState state;
	uint64_t	leaf;			/* last one compared */
} Anchor;

/* What an incarnation entry says became of the log before. */
typedef struct Fork
{
	char		origin[CC_ORIGIN_MAX + 1];	/* of the log before */
	uint64_t	kept;			/* leaves of it that this ledger has */
	uint64_t	size;			/* last signed */
	uint8_t		root[CC_DIGEST_SIZE];
} Fork;

typedef struct Verifier
{
	/* what the caller trusts */
	bool		quiet;
	bool		json;
	Trust		trust;			/* with keys that a trusted one handed over to */
	size_t		ngiven;			/* so many of them were given */
	bool	   *has_signed;		/* by number of a given key */
	Anchor	   *anchors;		/* by size */
	size_t		nanchors;
	size_t		next_anchor;
	/* what the ledger said so far */
	cc_audit	audit;
	bool		in_leaf;
	Versions	versions;
	Environment environment;
	bool		environment_doubted;	/* the last fingerprint did not match */
	Fork	   *forks;
	size_t		nforks;
	cc_vkey		untrusted;		/* complained of last */
	uint64_t	cosigned;		/* last size that the policy's witnesses cosigned */
	cc_status	quorum;			/* of the last checkpoint */
	/* what came out */
	cc_findings findings;
	uint64_t	reported;
	uint64_t	notices;
} Verifier;

/* Scratch for one entry; a table has no more columns. */
static cc_value values[CC_MAX_COLUMNS];
static cc_value old_key[CC_MAX_COLUMNS];
static uint16_t positions[CC_MAX_COLUMNS];
static cc_column columns[CC_MAX_COLUMNS];

static const char usage_text[] =
"Usage: pg_custody_verify bundle [OPTION]... LEDGER\n"
"\n"
"Verifies a ledger bundle ('-' reads standard input) against keys and anchors\n"
"that you trust.  Needs no server and no network.\n"
"\n"
TRUST_USAGE
"  --anchor FILE  a checkpoint kept elsewhere, which the ledger must contain;\n"
"                 may be repeated\n"
"  --json         print JSON objects: one for each finding and notice, one at the end\n"
"  --quiet        print findings only\n"
"  --help         print this and exit\n"
"  --version      print the version and exit\n"
"\n"
"Every key that signed a block must be among the trusted ones, or one that such\n"
"a key handed over to: its entry stands in the last block of the key before,\n"
"and both signed that.  Give several keys of a log in the order of their epochs.\n"
"With a policy its witnesses must have cosigned the last checkpoint.\n"
"Exit status: 0 verified, 1 findings, 2 could not check.\n";

/* Reporting */

/* Is the leaf of the block at hand? */
static bool
in_block(const Verifier *v, const cc_finding *f)
{
	return v->audit.blocks > 0 && f->leaf >= v->audit.block_first;
}

static void
print_finding(const Verifier *v, const cc_finding *f, const cc_schema *table)
{
	printf("finding: %s", cc_finding_text(f->code));
	if (in_block(v, f))
		printf(" block=%" PRIu64, v->audit.block_number);
	printf(" leaf=%" PRIu64, f->leaf);
	if (f->entry >= 0)
		printf(" entry=%" PRId64, f->entry);
	if (table != NULL)
	{
		fputs(" table=", stdout);
		print_name(table->schema);
		(void) putchar('.');
		print_name(table->table);
	}
	printf(": %s\n", f->detail);
}

static void
print_finding_json(const Verifier *v, const cc_finding *f, const cc_schema *table)
{
	printf("{\"finding\": \"%s\", \"block\": ", cc_finding_text(f->code));
	show_json_number(in_block(v, f), v->audit.block_number);
	printf(", \"leaf\": %" PRIu64 ", \"entry\": ", f->leaf);
	show_json_number(f->entry >= 0, (uint64_t) f->entry);
	fputs(", \"table\": ", stdout);
	if (table == NULL)
		fputs("null", stdout);
	else
		show_json_table(table->schema, table->table);
	fputs(", \"detail\": ", stdout);
	show_json_string(f->detail);
	fputs("}\n", stdout);
}

/* Print the findings gathered since the last call and count them. */
static void
report(Verifier *v, const cc_schema *table)
{
	int			i;

	for (i = 0; i < v->findings.n; i++)
	{
		const cc_finding *f = &v->findings.items[i];
		const cc_schema *named = f->entry >= 0 ? table : NULL;

		if (v->json)
			print_finding_json(v, f, named);
		else
			print_finding(v, f, named);
	}
	v->reported += (uint64_t) v->findings.n + v->findings.dropped;
	v->findings.n = 0;
	v->findings.dropped = 0;
}

static void notice(Verifier *v, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* Worth knowing, but nothing wrong with the ledger. */
static void
notice(Verifier *v, const char *format,...)
{
	va_list		args;

	v->notices++;
	if (v->quiet)
		return;
	va_start(args, format);
	print_notice(v->json, format, args);
	va_end(args);
}

/* Anchors */

static void
add_anchor(Verifier *v, const char *file)
{
	v->anchors = allocate(v->anchors, v->nanchors + 1, sizeof(*v->anchors));
	memset(&v->anchors[v->nanchors], 0, sizeof(*v->anchors));
	v->anchors[v->nanchors].file = file;
	v->nanchors++;
}

static int
compare_anchors(const void *a, const void *b)
{
	uint64_t	x = ((const Anchor *) a)->size;
	uint64_t	y = ((const Anchor *) b)->size;

	return (x > y) - (x < y);
}

static void
load_anchors(Verifier *v)
{
	cc_checkpoint c;
	size_t		i;

	for (i = 0; i < v->nanchors; i++)
	{
		Anchor	   *anchor = &v->anchors[i];

		anchor->len = read_checkpoint(&c, &anchor->note, anchor->file);
		memcpy(anchor->origin, c.origin, sizeof(anchor->origin));
		memcpy(anchor->root, c.root, sizeof(anchor->root));
		anchor->size = c.size;
	}
	if (v->nanchors > 0)
		qsort(v->anchors, v->nanchors, sizeof(*v->anchors), compare_anchors);
}

/* Compare the anchors of the size the log has just reached. */
static void
compare_anchor_roots(Verifier *v)
{
	const cc_audit *a = &v->audit;
	uint8_t		root[CC_DIGEST_SIZE];

	while (v->next_anchor < v->nanchors &&
		   v->anchors[v->next_anchor].size <= a->log.size)
	{
		Anchor	   *anchor = &v->anchors[v->next_anchor++];

		cc_frontier_root(&a->log, root);
		anchor->leaf = a->leaf_index;
		if (!cc_equal(root, anchor->root, CC_DIGEST_SIZE))
			anchor->state = ANCHOR_WRONG_ROOT;
		else if (anchor->size > 0 && !a->lost &&
				 strcmp(a->origin, anchor->origin) != 0)
			anchor->state = ANCHOR_WRONG_ORIGIN;
		else
			anchor->state = ANCHOR_GOOD;
	}
}

/* Does an incarnation entry own up to having lost what the anchor covers? */
static bool
explained(const Verifier *v, const Anchor *anchor)
{
	size_t		i;

	for (i = 0; i < v->nforks; i++)
	{
		const Fork *k = &v->forks[i];

		if (strcmp(k->origin, anchor->origin) != 0 ||
			anchor->size <= k->kept || anchor->size > k->size)
			continue;
		if (anchor->size < k->size ||
			cc_equal(k->root, anchor->root, CC_DIGEST_SIZE))
			return true;
	}
	return false;
}

static void
judge_anchor(Verifier *v, const Anchor *anchor)
{
	uint64_t	size = v->audit.log.size;

	if (anchor->state == ANCHOR_GOOD)
		return;
	if (explained(v, anchor))
		notice(v, "the anchor in \"%s\" is of leaves that an incarnation entry says were lost", anchor->file);
	else if (anchor->state == ANCHOR_PENDING)
		cc_finding_add(&v->findings, CC_F_ANCHOR_BEYOND, size == 0 ? 0 : size - 1, -1,
					   "%" PRIu64 " leaves after the last one are missing, by the anchor in \"%s\"",
					   anchor->size - size, anchor->file);
	else
		cc_finding_add(&v->findings, CC_F_ANCHOR_MISMATCH, anchor->leaf, -1,
					   "at size %" PRIu64 " the log has another %s than the anchor in \"%s\"",
					   anchor->size, anchor->state == ANCHOR_WRONG_ROOT ? "root" : "origin", anchor->file);
	report(v, NULL);
}

/* An anchor that no trusted key signed says nothing. */
static void
judge_anchors(Verifier *v)
{
	cc_checkpoint c;
	size_t		i;

	for (i = 0; i < v->nanchors; i++)
	{
		Anchor	   *anchor = &v->anchors[i];

		if (cc_checkpoint_parse(&c, anchor->note, anchor->len) != CC_OK)
			continue;
		require_signed(&v->trust, &c, anchor->file);
	}
	for (i = 0; i < v->nanchors; i++)
		judge_anchor(v, &v->anchors[i]);
}

/* Schema versions */

static void
schema_fault(Verifier *v, const char *detail)
{
	cc_audit   *a = &v->audit;

	a->entry_faults++;
	cc_finding_add(&v->findings, CC_F_ENTRY_UNREADABLE, a->leaf_index,
				   (int64_t) a->entry_tree.size - 1, "%s", detail);
}

static void
take_schema(Verifier *v, const cc_entry *e)
{
	cc_schema	s;
	cc_status	status;
	const Version *known;

	memset(&s, 0, sizeof(s));
	s.key_positions = positions;
	s.key_capacity = CC_MAX_COLUMNS;
	s.columns = columns;
	s.column_capacity = CC_MAX_COLUMNS;
	status = cc_schema_decode(&s, e->body.data, e->body.len);
	if (status != CC_OK)
		schema_fault(v, cc_status_text(status));
	else if ((known = versions_find(&v->versions, e)) == NULL)
		versions_store(&v->versions, e, &s);
	else if (known->len != e->body.len ||
			 memcmp(known->definition, e->body.data, known->len) != 0)
		schema_fault(v, "defines a schema version a second time, differently");
}

/* Items of the bundle */

static void
copy_origin(char out[CC_ORIGIN_MAX + 1], cc_slice origin)
{
	size_t		len = origin.len < CC_ORIGIN_MAX ? origin.len : CC_ORIGIN_MAX;

	memset(out, 0, CC_ORIGIN_MAX + 1);
	if (len > 0)
		memcpy(out, origin.data, len);
}

/* Remember what an incarnation entry of this very block explains. */
static void
take_incarnation(Verifier *v, const cc_entry *e)
{
	const cc_audit *a = &v->audit;
	cc_incarnation_event event;
	char		origin[CC_ORIGIN_MAX + 1];
	Fork	   *k;

	if (cc_incarnation_event_decode(&event, e->body) != CC_OK)
		return;
	copy_origin(origin, event.origin);
	if (event.incarnation != a->incarnation || strcmp(origin, a->origin) != 0)
		return;
	v->forks = allocate(v->forks, v->nforks + 1, sizeof(*v->forks));
	k = &v->forks[v->nforks++];
	copy_origin(k->origin, event.previous_origin);
	k->kept = a->block_first;
	k->size = event.size;
	memcpy(k->root, event.root, CC_DIGEST_SIZE);
	if (event.size > a->block_first)
		notice(v, "incarnation %" PRIu32 " begins at leaf %" PRIu64 "; its entry says %" PRIu64 " later leaves of the log before were lost",
			   event.incarnation, a->block_first, event.size - a->block_first);
	else
		notice(v, "incarnation %" PRIu32 " begins at leaf %" PRIu64,
			   event.incarnation, a->block_first);
}

static void
take_environment(Verifier *v, const cc_entry *e)
{
	cc_environment_event event;

	if (cc_environment_event_decode(&event, e->body) == CC_OK)
		environment_take(&v->environment, &event);
}

/* At a block's end; what differs once is not complained of again. */
static void
check_environment(Verifier *v)
{
	const cc_audit *a = &v->audit;
	bool		differs;

	if (!a->in_block || a->lost)
		return;
	differs = !cc_equal(a->block_environment,
						environment_fingerprint(&v->environment), CC_DIGEST_SIZE);
	if (differs && !v->environment_doubted)
		cc_finding_add(&v->findings, CC_F_ENVIRONMENT_MISMATCH, a->block_first, -1,
					   "the environment entries up to block %" PRIu64 " do not add up to the fingerprint in its header",
					   a->block_number);
	v->environment_doubted = differs;
}

static void
end_leaf(Verifier *v)
{
	if (v->in_leaf)
		cc_audit_leaf_end(&v->audit, &v->findings);
	v->in_leaf = false;
	report(v, NULL);
}

static void
take_leaf(Verifier *v, const cc_bundle_line *line)
{
	uint8_t		hash[CC_DIGEST_SIZE];

	end_leaf(v);
	cc_audit_leaf(&v->audit, line->first.data, line->first.len, hash,
				  &v->findings);
	report(v, NULL);
	v->in_leaf = true;
	compare_anchor_roots(v);
}

static void
take_entry(Verifier *v, const cc_bundle_line *line)
{
	cc_entry	e;
	cc_private	p;
	Version    *known;
	cc_schema  *schema = NULL;

	if (!v->in_leaf)
	{
		cc_finding_add(&v->findings, CC_F_ENTRIES_COUNT, v->audit.leaf_index,
					   -1, "an entry stands outside of a transaction");
		report(v, NULL);
		return;
	}
	if (cc_audit_entry(&v->audit, &e, line->first.data, line->first.len,
					   &v->findings))
	{
		if (e.kind == CC_KIND_SCHEMA)
			take_schema(v, &e);
		else if (e.kind == CC_KIND_INCARNATION)
			take_incarnation(v, &e);
		else if (e.kind == CC_KIND_ENVIRONMENT)
			take_environment(v, &e);
		known = versions_find(&v->versions, &e);
		schema = known == NULL ? NULL : &known->schema;
		p.values = values;
		p.old_key = old_key;
		p.values_capacity = CC_MAX_COLUMNS;
		(void) cc_audit_private(&v->audit, &e, schema, &p, line->second.data,
								line->second.len, &v->findings);
	}
	if (v->findings.n > 0)
		report(v, schema);
}

/* Its number among the trusted keys; their count if it is none. */
static size_t
find_trusted(const Verifier *v, const cc_vkey *key)
{
	size_t		i;

	for (i = 0; i < v->trust.nkeys; i++)
	{
		const cc_vkey *trusted = &v->trust.keys[i];

		if (trusted->type == key->type && trusted->key_len == key->key_len &&
			memcmp(trusted->key, key->key, key->key_len) == 0 &&
			strcmp(trusted->name, key->name) == 0)
			break;
	}
	return i;
}

/*
 * Keys are given in the order of their epochs, so none signs before one of its
 * name that was given before it: else whoever stole the last one could make
 * the log anew from the beginning.
 */
static void
check_order(Verifier *v, size_t number)
{
	const cc_vkey *key = &v->trust.keys[number];
	size_t		i;

	if (number >= v->ngiven || v->has_signed[number])
		return;
	v->has_signed[number] = true;
	for (i = 0; i < number; i++)
	{
		const cc_vkey *before = &v->trust.keys[i];

		if (v->has_signed[i] || strcmp(before->name, key->name) != 0)
			continue;
		cc_finding_add(&v->findings, CC_F_KEY_ORDER, v->audit.leaf_index, -1,
					   "the key of id %08" PRIx32 " signs here, but the one of id %08" PRIx32 ", which was given before it, has not signed",
					   key->id, before->id);
		break;
	}
}

/*
 * Is the key that signed one the caller trusts?  Complain once a key.  Whom it
 * hands over to is trusted from here on: the engine has seen that key's entry
 * in the very tree that the trusted key signed.
 */
static void
check_signer(Verifier *v)
{
	const cc_audit *a = &v->audit;
	const cc_audit_key *k;
	size_t		number;

	if (a->signer < 0)
		return;
	k = &a->keys[a->signer];
	number = find_trusted(v, &k->key);
	if (number < v->trust.nkeys)
	{
		check_order(v, number);
		if (a->successor >= 0 &&
			find_trusted(v, &a->keys[a->successor].key) == v->trust.nkeys)
			trust_follow(&v->trust, &a->keys[a->successor].key);
		return;
	}
	if (v->untrusted.key_len == k->key.key_len &&
		memcmp(v->untrusted.key, k->key.key, k->key.key_len) == 0)
		return;
	v->untrusted = k->key;
	cc_finding_add(&v->findings, CC_F_KEY_UNTRUSTED, a->leaf_index, -1,
				   "the key of epoch %" PRIu32 ", id %08" PRIx32 ", is not among the trusted ones",
				   k->epoch, k->key.id);
}

/* Hold a checkpoint that has been judged otherwise against the policy. */
static void
check_quorum(Verifier *v, const cc_bundle_line *line)
{
	cc_checkpoint c;

	if (cc_checkpoint_parse(&c, (const char *) line->first.data, line->first.len) != CC_OK)
		return;
	v->quorum = note_quorum(&v->trust, &c);
	if (v->quorum == CC_OK)
		v->cosigned = v->audit.log.size;
	else if (v->quorum != CC_E_QUORUM && v->quorum != CC_E_UNSUPPORTED)
		cc_finding_add(&v->findings, CC_F_COSIGNATURE_INVALID, v->audit.leaf_index, -1,
					   "checkpoint of size %" PRIu64 ": %s", c.size, cc_status_text(v->quorum));
}

/* The last checkpoint vouches for all before it. */
static void
judge_quorum(Verifier *v)
{
	uint64_t	size = v->audit.log.size;

	if (v->trust.policy == NULL || v->cosigned == size)
		return;
	if (v->quorum == CC_E_UNSUPPORTED)
		cannot("the cosignatures of the last checkpoint: %s", cc_status_text(v->quorum));
	cc_finding_add(&v->findings, CC_F_QUORUM_MISSING, size - 1, -1,
				   "%" PRIu64 " leaves after size %" PRIu64 " are not cosigned by the witnesses that the policy asks for",
				   size - v->cosigned, v->cosigned);
	report(v, NULL);
}

static void
take_checkpoint(Verifier *v, const cc_bundle_line *line)
{
	end_leaf(v);
	check_environment(v);
	cc_audit_checkpoint(&v->audit, (const char *) line->first.data,
						line->first.len, false, &v->findings);
	check_signer(v);
	check_quorum(v, line);
	report(v, NULL);
}

static void
take_line(Verifier *v, const LineReader *r, char *line, size_t len)
{
	cc_bundle_line item;
	cc_status	status = cc_bundle_parse(&item, line, len);

	if (status != CC_OK)
		cannot("\"%s\", line %" PRIu64 ", is no line of a ledger bundle: %s",
			   r->name, r->number, cc_status_text(status));
	switch (item.kind)
	{
		case CC_BUNDLE_LEAF:
			take_leaf(v, &item);
			break;
		case CC_BUNDLE_ENTRY:
			take_entry(v, &item);
			break;
		case CC_BUNDLE_CHECKPOINT:
			take_checkpoint(v, &item);
			break;
	}
}

static void
verify(Verifier *v, const char *ledger)
{
	LineReader	r;
	cc_salter  *salter;
	char	   *line;
	size_t		len;

	reader_open(&r, ledger);
	line = reader_line(&r, &len);
	if (line == NULL || len != strlen(CC_BUNDLE_HEADER) ||
		memcmp(line, CC_BUNDLE_HEADER, len) != 0)
		cannot("\"%s\" is not a ledger bundle of version 1", ledger);
	salter = cc_salter_new();
	if (salter == NULL)
		cannot("libcrypto has no AES");
	cc_audit_init(&v->audit, salter);
	compare_anchor_roots(v);
	while ((line = reader_line(&r, &len)) != NULL)
		take_line(v, &r, line, len);
	reader_close(&r);
	if (v->audit.log.size == 0)
		cannot("\"%s\" holds no leaf", ledger);
	end_leaf(v);
	cc_audit_end(&v->audit, &v->findings);
	cc_salter_free(salter);
	report(v, NULL);
	judge_anchors(v);
	judge_quorum(v);
}

static void
print_summary_json(const Verifier *v, const char *root)
{
	const cc_audit *a = &v->audit;

	printf("{\"verified\": %s, \"findings\": %" PRIu64 ", \"notices\": %" PRIu64
		   ", \"blocks\": %" PRIu64 ", \"transactions\": %" PRIu64 ", \"entries\": %" PRIu64
		   ", \"tree_size\": %" PRIu64 ", \"root\": \"%s\"}\n",
		   v->reported == 0 ? "true" : "false", v->reported, v->notices,
		   a->blocks, a->transactions, a->entries, a->log.size, root);
}

static void
print_summary(Verifier *v)
{
	const cc_audit *a = &v->audit;
	uint8_t		root[CC_DIGEST_SIZE];
	char		text[CC_BASE64_SIZE(CC_DIGEST_SIZE) + 1] = "";

	if (a->withheld > a->erasures)
		notice(v, "%" PRIu64 " entries lack values but erasure entries account for %" PRIu64, a->withheld, a->erasures);
	if (v->quiet)
		return;
	cc_frontier_root(&a->log, root);
	cc_base64_encode(text, root, sizeof(root));
	if (v->json)
	{
		print_summary_json(v, text);
		return;
	}
	print_verdict(v->reported);
	printf("%" PRIu64 " blocks, %" PRIu64 " transactions, %" PRIu64 " entries, size %" PRIu64 ", root %s\n",
		   a->blocks, a->transactions, a->entries, a->log.size, text);
}

static void
release(Verifier *v)
{
	size_t		i;

	versions_free(&v->versions);
	environment_free(&v->environment);
	free(v->forks);
	for (i = 0; i < v->nanchors; i++)
		free(v->anchors[i].note);
	free(v->anchors);
	free(v->has_signed);
	trust_free(&v->trust);
}

/* Options */

static void
take_option(Verifier *v, int option)
{
	if (option == 'a')
		add_anchor(v, optarg);
	else if (option == 'j')
		v->json = true;
	else if (option == 'q')
		v->quiet = true;
	else
		trust_option(&v->trust, option, usage_text);
}

static const char *
take_options(Verifier *v, int argc, char **argv)
{
	static const struct option options[] = {
		TRUST_OPTIONS,
		{"anchor", required_argument, NULL, 'a'},
		{"json", no_argument, NULL, 'j'},
		{"quiet", no_argument, NULL, 'q'},
		{NULL, 0, NULL, 0}
	};
	int			option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(v, option);
	if (optind != argc - 1)
		cannot("name one ledger bundle; try --help");
	trust_needed(&v->trust);
	v->ngiven = v->trust.nkeys;
	v->has_signed = allocate(NULL, v->ngiven, sizeof(*v->has_signed));
	memset(v->has_signed, 0, v->ngiven * sizeof(*v->has_signed));
	return argv[optind];
}

int
bundle_main(int argc, char **argv)
{
	static Verifier v;
	const char *ledger = take_options(&v, argc, argv);
	int			status;

	load_anchors(&v);
	verify(&v, ledger);
	print_summary(&v);
	finish_output();
	status = v.reported > 0 ? EXIT_FINDINGS : EXIT_VERIFIED;
	release(&v);
	return status;
}
