/*
 * verify_report.c
 *	  Findings of custody.verify().
 *
 * A finding names table, row key and place, never a value outside the key.
 * Corrupt input can produce millions, so what the engine finds is put together
 * in a context of its own, and only the first thousand of a code are kept; the
 * rest is counted.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "catalog/pg_class.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/rowjson.h"
#include "pg/verify.h"

#define CODE_LENGTH 64

typedef struct CodeCount
{
	char		code[CODE_LENGTH];	/* hash key */
	int64		count;
} CodeCount;

void
custody_verify_report_init(CustodyVerify *v)
{
	HASHCTL		ctl = {0};

	ctl.keysize = CODE_LENGTH;
	ctl.entrysize = sizeof(CodeCount);
	ctl.hcxt = v->context;
	v->counts = hash_create("custody findings", 32, &ctl,
							HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static void
put_finding(CustodyVerify *v, const CustodyFinding *f)
{
	Datum		values[7];
	bool		nulls[7] = {false};

	values[0] = CStringGetTextDatum(f->severity);
	values[1] = CStringGetTextDatum(f->code);
	values[2] = CStringGetTextDatum(f->relation ? f->relation : "");
	nulls[2] = f->relation == NULL;
	values[3] = f->row_key;
	nulls[3] = f->row_key == (Datum) 0;
	values[4] = Int64GetDatum(f->leaf_index);
	nulls[4] = f->leaf_index < 0;
	values[5] = CStringGetTextDatum(f->message);
	values[6] = CStringGetTextDatum(f->detail ? f->detail : "");
	nulls[6] = f->detail == NULL;
	tuplestore_putvalues(v->store, v->desc, values, nulls);
}

void
custody_verify_report(CustodyVerify *v, const CustodyFinding *f)
{
	bool		found;
	CodeCount  *c = hash_search(v->counts, f->code, HASH_ENTER, &found);

	if (!found)
		c->count = 0;
	if (c->count++ < CUSTODY_FINDINGS_PER_CODE)
		put_finding(v, f);
}

void
custody_verify_tampering(CustodyVerify *v, const char *code,
						 const char *relation, int64 leaf_index,
						 const char *detail, const char *format,...)
{
	CustodyFinding f = {CUSTODY_TAMPERING, code, relation, (Datum) 0, leaf_index};
	StringInfoData message;
	int			needed;

	initStringInfo(&message);
	for (;;)
	{
		va_list		args;

		va_start(args, format);
		needed = appendStringInfoVA(&message, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&message, needed);
	}
	f.message = message.data;
	f.detail = detail;
	custody_verify_report(v, &f);
}

void
custody_verify_report_omitted(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	CodeCount  *c;

	hash_seq_init(&seq, v->counts);
	while ((c = hash_seq_search(&seq)) != NULL)
	{
		CustodyFinding f = {CUSTODY_NOTICE, "findings_omitted", NULL, (Datum) 0, CUSTODY_NO_LEAF};

		if (c->count <= CUSTODY_FINDINGS_PER_CODE)
			continue;
		f.message = psprintf("%lld more findings \"%s\" are not shown",
							 (long long) (c->count - CUSTODY_FINDINGS_PER_CODE), c->code);
		put_finding(v, &f);
	}
}

/* Names */

char *
custody_verify_where(const CustodyPlace *place)
{
	if (place->entry_no < 0)
		return psprintf("transaction %lld", (long long) place->txn_no);
	return psprintf("transaction %lld, entry %lld",
					(long long) place->txn_no, (long long) place->entry_no);
}

char *
custody_verify_text(const uint8_t *data, uint64 len)
{
	char	   *text = custody_rowjson_text(data, len);

	return text ? text : pstrdup("(unreadable)");
}

bool
custody_verify_is_table(Oid relid)
{
	char		relkind = get_rel_relkind(relid);

	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE;
}

char *
custody_verify_relname(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		return psprintf("%u", relid);
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);
}

char *
custody_verify_slice_name(cc_slice schema, cc_slice table)
{
	return quote_qualified_identifier(custody_verify_text(schema.data, schema.len),
									  custody_verify_text(table.data, table.len));
}

char *
custody_verify_version_name(const CustodyVerifyVersion *version)
{
	if (version == NULL || !version->readable)
		return NULL;
	return custody_verify_slice_name(version->schema.schema, version->schema.table);
}

Datum
custody_verify_row_key(const cc_schema *s, const cc_value *key)
{
	return PointerGetDatum(custody_rowjson(s, cc_schema_key_positions(s),
										   cc_schema_key_count(s), key));
}

Datum
custody_verify_row_key_of(const cc_schema *s, const cc_value *row)
{
	return PointerGetDatum(custody_rowjson_key(s, row));
}

/* The engine's findings */

/* Row key of the entry whose private part was just decoded, or 0. */
Datum
custody_verify_entry_key(CustodyVerify *v, const cc_entry *e,
						 const CustodyVerifyVersion *version)
{
	const cc_private *p = &v->private_part;

	if (e == NULL || version == NULL || !version->readable ||
		!cc_kind_is_row(e->kind) || p->form != CC_PRIVATE_WHOLE)
		return (Datum) 0;
	if (cc_kind_has_row(e->kind))
		return custody_verify_row_key_of(&version->schema, p->values);
	return custody_verify_row_key(&version->schema, p->values);
}

void
custody_verify_report_found(CustodyVerify *v, const cc_entry *e,
							const CustodyVerifyVersion *version)
{
	MemoryContext old;

	if (likely(v->found.n == 0))
		return;
	old = MemoryContextSwitchTo(v->finding);
	for (int i = 0; i < v->found.n; i++)
	{
		const cc_finding *found = &v->found.items[i];
		CustodyPlace place = v->place;
		CustodyFinding f = {CUSTODY_TAMPERING};

		f.code = cc_finding_text(found->code);
		f.relation = custody_verify_version_name(version);
		f.row_key = custody_verify_entry_key(v, e, version);
		f.leaf_index = v->place.leaf_index;
		f.message = pstrdup(found->detail);
		if (found->entry < 0)
			place.entry_no = -1;
		if (v->place.txn_no > 0)
			f.detail = custody_verify_where(&place);
		custody_verify_report(v, &f);
	}
	v->found.n = 0;
	v->found.dropped = 0;
	MemoryContextSwitchTo(old);
	MemoryContextReset(v->finding);
}
