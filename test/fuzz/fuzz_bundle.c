/*
 * fuzz_bundle.c
 *	  libFuzzer: any text as a ledger bundle, through parser and engine.
 *
 * Feeds lines as pg_custody_verify does, keeping one schema version.  Besides
 * what the sanitizers see, formatting a parsed line must give it back.
 *
 * Base64 hides the structures from the fuzzer, so input that begins with a
 * zero byte holds the same items in binary: u8 kind, u16 length and bytes of
 * the first part, u16 length and bytes of the second.
 */
#include <stdlib.h>
#include <string.h>

#include "core/audit.h"
#include "core/bundle.h"

#define COLUMNS_MAX 64

typedef struct run
{
	cc_audit	audit;
	cc_findings findings;
	bool		in_leaf;
	uint8_t    *definition;
	uint16_t	positions[COLUMNS_MAX];
	cc_column	columns[COLUMNS_MAX];
	cc_schema	schema;
} run;

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
learn_schema(run *r, const cc_entry *e)
{
	if (e->kind != CC_KIND_SCHEMA || e->body.len == 0)
		return;
	free(r->definition);
	r->definition = malloc(e->body.len);
	if (r->definition == NULL)
		abort();
	memcpy(r->definition, e->body.data, e->body.len);
	r->schema.key_positions = r->positions;
	r->schema.key_capacity = COLUMNS_MAX;
	r->schema.columns = r->columns;
	r->schema.column_capacity = COLUMNS_MAX;
	if (cc_schema_decode(&r->schema, r->definition, e->body.len) == CC_OK)
		return;
	free(r->definition);
	r->definition = NULL;
}

static void
take_entry(run *r, const cc_bundle_line *line)
{
	cc_value	values[COLUMNS_MAX];
	cc_value	old_key[COLUMNS_MAX];
	cc_entry	e;
	cc_private	p;

	if (!cc_audit_entry(&r->audit, &e, line->first.data, line->first.len,
						&r->findings))
		return;
	learn_schema(r, &e);
	p.values = values;
	p.old_key = old_key;
	p.values_capacity = COLUMNS_MAX;
	(void) cc_audit_private(&r->audit, &e,
							r->definition != NULL ? &r->schema : NULL, &p,
							line->second.data, line->second.len,
							&r->findings);
}

static void
take_item(run *r, const cc_bundle_line *line)
{
	uint8_t		hash[CC_DIGEST_SIZE];

	r->findings.n = 0;
	if (line->kind == CC_BUNDLE_ENTRY)
	{
		take_entry(r, line);
		return;
	}
	if (r->in_leaf)
		cc_audit_leaf_end(&r->audit, &r->findings);
	r->in_leaf = line->kind == CC_BUNDLE_LEAF;
	if (r->in_leaf)
		cc_audit_leaf(&r->audit, line->first.data, line->first.len, hash,
					  &r->findings);
	else
		cc_audit_checkpoint(&r->audit, (const char *) line->first.data,
							line->first.len, false, &r->findings);
}

/* Returns false at a line that is none of a bundle. */
static bool
take_line(run *r, const uint8_t *text, size_t len)
{
	cc_bundle_line line;
	char	   *copy = malloc(len + 1);
	char	   *again = malloc(len + 1);
	bool		good;

	if (copy == NULL || again == NULL)
		abort();
	memcpy(copy, text, len);
	good = cc_bundle_parse(&line, copy, len) == CC_OK;
	if (good)
	{
		if (cc_bundle_line_size(line.kind, line.first.len,
								line.second.len) != len + 1)
			abort();
		cc_bundle_format(again, &line);
		if (memcmp(again, text, len) != 0 || again[len] != '\n')
			abort();
		take_item(r, &line);
	}
	free(copy);
	free(again);
	return good;
}

static void
take_binary(run *r, const uint8_t *data, size_t size)
{
	cc_bundle_line line;
	cc_reader	in;

	cc_reader_init(&in, data, size);
	while (in.pos < in.len)
	{
		line.kind = (cc_bundle_kind) (cc_read_u8(&in) % 3);
		line.first = cc_read_raw(&in, cc_read_u16(&in));
		line.second = cc_read_raw(&in, cc_read_u16(&in));
		if (in.status != CC_OK)
			break;
		take_item(r, &line);
	}
}

static void
take_text(run *r, const uint8_t *data, size_t size)
{
	const uint8_t *lf;

	while (size > 0 && (lf = memchr(data, '\n', size)) != NULL)
	{
		size_t		len = (size_t) (lf - data);

		if (!take_line(r, data, len))
			break;
		data += len + 1;
		size -= len + 1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static cc_salter *salter = NULL;
	static run	r;

	memset(&r, 0, sizeof(r));
	if (salter == NULL)
		salter = cc_salter_new();
	cc_audit_init(&r.audit, salter);
	if (size > 0 && data[0] == 0)
		take_binary(&r, data + 1, size - 1);
	else
		take_text(&r, data, size);
	r.findings.n = 0;
	if (r.in_leaf)
		cc_audit_leaf_end(&r.audit, &r.findings);
	cc_audit_end(&r.audit, &r.findings);
	free(r.definition);
	return 0;
}
