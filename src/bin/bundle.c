/*
 * bundle.c
 *	  Verify a ledger bundle offline, against verifier keys and anchors the
 *	  caller trusts.
 *
 * Everything that judges is core; this and its parts hold what the ledger says
 * against what the caller gave, and print.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"

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

/* Schema versions */

static void
schema_fault(BundleVerifier *v, const char *detail)
{
	cc_audit   *a = &v->audit;

	a->entry_faults++;
	cc_finding_add(&v->findings, CC_F_ENTRY_UNREADABLE, a->leaf_index,
				   (int64_t) a->entry_tree.size - 1, "%s", detail);
}

static void
take_schema(BundleVerifier *v, const cc_entry *e)
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
take_environment(BundleVerifier *v, const cc_entry *e)
{
	cc_environment_event event;

	if (cc_environment_event_decode(&event, e->body) == CC_OK)
		environment_take(&v->environment, &event);
}

/* At a block's end; what differs once is not complained of again. */
static void
check_environment(BundleVerifier *v)
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
end_leaf(BundleVerifier *v)
{
	if (v->in_leaf)
		cc_audit_leaf_end(&v->audit, &v->findings);
	v->in_leaf = false;
	bundle_report(v, NULL);
}

static void
take_leaf(BundleVerifier *v, const cc_bundle_line *line)
{
	uint8_t		hash[CC_DIGEST_SIZE];

	end_leaf(v);
	cc_audit_leaf(&v->audit, line->first.data, line->first.len, hash,
				  &v->findings);
	bundle_report(v, NULL);
	v->in_leaf = true;
	bundle_anchors_compare(v);
}

static void
take_entry(BundleVerifier *v, const cc_bundle_line *line)
{
	cc_entry	e;
	cc_private	p;
	Version    *known;
	cc_schema  *schema = NULL;

	if (!v->in_leaf)
	{
		cc_finding_add(&v->findings, CC_F_ENTRIES_COUNT, v->audit.leaf_index,
					   -1, "an entry stands outside of a transaction");
		bundle_report(v, NULL);
		return;
	}
	if (cc_audit_entry(&v->audit, &e, line->first.data, line->first.len,
					   &v->findings))
	{
		if (e.kind == CC_KIND_SCHEMA)
			take_schema(v, &e);
		else if (e.kind == CC_KIND_INCARNATION)
			bundle_incarnation(v, &e);
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
		bundle_report(v, schema);
}

static void
take_checkpoint(BundleVerifier *v, const cc_bundle_line *line)
{
	end_leaf(v);
	check_environment(v);
	cc_audit_checkpoint(&v->audit, (const char *) line->first.data,
						line->first.len, false, &v->findings);
	bundle_signer_check(v);
	bundle_quorum_check(v, line);
	bundle_report(v, NULL);
}

static void
take_line(BundleVerifier *v, const LineReader *r, char *line, size_t len)
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
verify(BundleVerifier *v, const char *ledger)
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
	bundle_anchors_compare(v);
	while ((line = reader_line(&r, &len)) != NULL)
		take_line(v, &r, line, len);
	reader_close(&r);
	if (v->audit.log.size == 0)
		cannot("\"%s\" holds no leaf", ledger);
	end_leaf(v);
	cc_audit_end(&v->audit, &v->findings);
	cc_salter_free(salter);
	bundle_report(v, NULL);
	bundle_anchors_judge(v);
	bundle_quorum_judge(v);
}

static void
release(BundleVerifier *v)
{
	versions_free(&v->versions);
	environment_free(&v->environment);
	bundle_anchors_free(v);
	free(v->has_signed);
	trust_free(&v->trust);
}

/* Options */

static void
take_option(BundleVerifier *v, int option)
{
	if (option == 'a')
		bundle_anchor_add(v, optarg);
	else if (option == 'j')
		v->json = true;
	else if (option == 'q')
		v->quiet = true;
	else
		trust_option(&v->trust, option, usage_text);
}

static const char *
take_options(BundleVerifier *v, int argc, char **argv)
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
	static BundleVerifier v;
	const char *ledger = take_options(&v, argc, argv);
	int			status;

	bundle_anchors_load(&v);
	verify(&v, ledger);
	bundle_summary(&v);
	finish_output();
	status = v.reported > 0 ? EXIT_FINDINGS : EXIT_VERIFIED;
	release(&v);
	return status;
}
