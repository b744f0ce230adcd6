/*
 * audit_run.h
 *	  Run the verification engine over a ledger's items and look at what it
 *	  found.
 */
#ifndef AUDIT_RUN_H
#define AUDIT_RUN_H

#include <inttypes.h>

#include "ledger.h"

#define ANY_LEAF UINT64_MAX
#define FINDINGS_MAX 4096

/* All findings of one run. */
typedef struct outcome
{
	cc_audit	audit;
	int			n;
	cc_finding	items[FINDINGS_MAX];
} outcome;

static void
collect(outcome *o, cc_findings *f)
{
	int			i;

	for (i = 0; i < f->n && o->n < FINDINGS_MAX; i++)
		o->items[o->n++] = f->items[i];
	f->n = 0;
}

/* The one schema version of the test ledger, decoded from its entry. */
typedef struct decoded_schema
{
	bool		known;
	uint8_t		bytes[512];
	uint16_t	positions[LEDGER_COLUMNS];
	cc_column	columns[LEDGER_COLUMNS];
	cc_schema	schema;
} decoded_schema;

static void
learn_schema(decoded_schema *d, const cc_entry *e)
{
	if (e->kind != CC_KIND_SCHEMA || e->body.len > sizeof(d->bytes))
		return;
	memcpy(d->bytes, e->body.data, e->body.len);
	memset(&d->schema, 0, sizeof(d->schema));
	d->schema.key_positions = d->positions;
	d->schema.key_capacity = LEDGER_COLUMNS;
	d->schema.columns = d->columns;
	d->schema.column_capacity = LEDGER_COLUMNS;
	d->known = cc_schema_decode(&d->schema, d->bytes, e->body.len) == CC_OK;
}

static void
run_entry(outcome *o, decoded_schema *d, const item *it, cc_findings *f)
{
	cc_value	values[LEDGER_COLUMNS];
	cc_value	old_key[LEDGER_COLUMNS];
	cc_entry	e;
	cc_private	p;
	bool		known;

	if (!cc_audit_entry(&o->audit, &e, it->data, it->len, f))
		return;
	learn_schema(d, &e);
	p.values = values;
	p.old_key = old_key;
	p.values_capacity = LEDGER_COLUMNS;
	known = d->known && e.relation == LEDGER_RELATION &&
		e.version == LEDGER_VERSION;
	(void) cc_audit_private(&o->audit, &e, known ? &d->schema : NULL, &p,
							it->private_part, it->private_len, f);
}

/* Feed items from .. to - 1, which begin with a leaf. */
static void
feed(outcome *o, const item *items, int from, int to)
{
	static decoded_schema d;
	static cc_findings f;
	uint8_t		hash[CC_DIGEST_SIZE];
	bool		in_leaf = false;
	int			i;

	d.known = d.known && from > 0;
	for (i = from; i < to; i++)
	{
		const item *it = &items[i];

		if (it->kind == CC_BUNDLE_ENTRY)
			run_entry(o, &d, it, &f);
		else
		{
			if (in_leaf)
				cc_audit_leaf_end(&o->audit, &f);
			in_leaf = it->kind == CC_BUNDLE_LEAF;
			if (in_leaf)
				cc_audit_leaf(&o->audit, it->data, it->len, hash, &f);
			else
				cc_audit_checkpoint(&o->audit, (char *) it->data, it->len,
									false, &f);
		}
		collect(o, &f);
	}
	if (in_leaf)
		cc_audit_leaf_end(&o->audit, &f);
	collect(o, &f);
}

static void
finish(outcome *o)
{
	static cc_findings f;

	cc_audit_end(&o->audit, &f);
	collect(o, &f);
}

/* A whole ledger, as the offline program verifies it. */
static void
run(outcome *o, const item *items, int n)
{
	o->n = 0;
	cc_audit_init(&o->audit, ledger_idle_salter());
	feed(o, items, 0, n);
	finish(o);
}

static void
show(const outcome *o)
{
	int			i;

	for (i = 0; i < o->n && i < 20; i++)
		printf("#   %s leaf=%" PRIu64 " entry=%" PRId64 ": %s\n",
			   cc_finding_text(o->items[i].code), o->items[i].leaf,
			   o->items[i].entry, o->items[i].detail);
}

static bool
has(const outcome *o, cc_finding_code code, uint64_t leaf, int64_t entry)
{
	int			i;

	for (i = 0; i < o->n; i++)
	{
		if (o->items[i].code == code &&
			(leaf == ANY_LEAF || o->items[i].leaf == leaf) &&
			o->items[i].entry == entry)
			return true;
	}
	return false;
}

/* Findings but the closing counts of what was passed over. */
static int
count_faults(const outcome *o)
{
	return o->n - (o->audit.unconfirmed > 0) - (o->audit.unopened > 0);
}

#endif							/* AUDIT_RUN_H */
