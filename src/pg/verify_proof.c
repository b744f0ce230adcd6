/*
 * verify_proof.c
 *	  SQL: verify_proof(bundle, verifier_keys, policy).
 *
 * Reads no table: what is shown comes from the proof's own bytes, after they
 * were checked, and what is trusted comes from the caller.  A proof that is not
 * one is an answer, not an error.
 *
 * Memory: current context.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/historyproof.h"
#include "core/policy.h"
#include "pg/compat.h"
#include "pg/entryrow.h"
#include "pg/rowjson.h"

PG_FUNCTION_INFO_V1(custody_sql_verify_proof);

/* Result columns, from 0. */
enum
{
	RESULT_VALID,
	RESULT_RELATION,
	RESULT_ROW_KEY,
	RESULT_OPERATION,
	RESULT_CHANGED_AT,
	RESULT_VALUES,
	RESULT_TREE_SIZE,
	RESULT_PROBLEM,
	RESULT_LINK,
	RESULT_OLD_SIZE,
	RESULT_NOT_SHOWN,
	RESULT_COLUMNS
};

typedef struct Shown
{
	ReturnSetInfo *rsinfo;
	Datum		values[RESULT_COLUMNS];
	bool		nulls[RESULT_COLUMNS];
} Shown;

/* One version as a proof has it. */
typedef struct Version
{
	const cc_entry *entry;
	const cc_record *record;
	const cc_schema *schema;	/* NULL: nothing is known of the row */
	const cc_value *key;
	const cc_proof_column *columns;
	uint64		tree_size;
} Version;

static void
clear(Shown *result, bool valid)
{
	memset(result->nulls, true, sizeof(result->nulls));
	result->values[RESULT_VALID] = BoolGetDatum(valid);
	result->nulls[RESULT_VALID] = false;
}

static void
put(Shown *result)
{
	tuplestore_putvalues(result->rsinfo->setResult, result->rsinfo->setDesc,
						 result->values, result->nulls);
}

static void
set(Shown *result, int column, Datum value)
{
	result->values[column] = value;
	result->nulls[column] = false;
}

static void
set_problem(Shown *result, const char *problem)
{
	set(result, RESULT_PROBLEM, CStringGetTextDatum(problem));
}

/* The whole answer. */
static void
refuse_proof(Shown *result, const char *problem)
{
	clear(result, false);
	set_problem(result, problem);
	put(result);
}

static void
refuse_keys(const char *message, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 errdetail("%s", detail),
			 errhint("Give the keys you trust, as name+hash+base64; custody.verifier_key() shows a ledger's own.")));
}

/* What the caller trusts. */
typedef struct Trust
{
	cc_vkey    *keys;			/* given, and of the policy's logs */
	size_t		nkeys;
	cc_policy  *policy;			/* or NULL */
} Trust;

/* NULL if there is none. */
static cc_policy *
parse_policy(FunctionCallInfo fcinfo)
{
	cc_policy  *policy;
	cc_policy_fault fault;
	char	   *source;
	size_t		len;

	if (PG_ARGISNULL(2))
		return NULL;
	source = text_to_cstring(PG_GETARG_TEXT_PP(2));
	len = strlen(source);
	if (len > 0 && source[len - 1] != '\n')
		source[len++] = '\n';		/* the NUL makes room; psql takes the last one */
	policy = palloc(sizeof(cc_policy));
	if (cc_policy_parse(policy, source, len, &fault) != CC_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("this is not a policy"),
				 errdetail("Line " UINT64_FORMAT ": %s.", fault.line, fault.what),
				 errhint("Give the text of a C2SP tlog-policy file.")));
	return policy;
}

static void
parse_keys(FunctionCallInfo fcinfo, Trust *t)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n = 0;
	int			nlogs;

	t->policy = parse_policy(fcinfo);
	nlogs = t->policy == NULL ? 0 : t->policy->nlogs;
	if (!PG_ARGISNULL(1))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
						  &elements, &nulls, &n);
	if (n + nlogs == 0)
		refuse_keys("no verifier key was given",
					"A proof says who signed it, not whom to trust.");
	t->nkeys = n + nlogs;
	t->keys = palloc0(t->nkeys * sizeof(cc_vkey));
	for (int i = 0; i < n; i++)
	{
		text	   *key = nulls[i] ? NULL : DatumGetTextPP(elements[i]);
		cc_status	status = key == NULL ? CC_E_TRUNCATED :
			cc_vkey_parse(&t->keys[i], VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));

		if (status != CC_OK)
			refuse_keys(psprintf("verifier key %d cannot be read", i + 1),
						psprintf("It is no key: %s.", cc_status_text(status)));
	}
	if (nlogs > 0)
		memcpy(t->keys + n, t->policy->logs, nlogs * sizeof(cc_vkey));
}

/* Have enough witnesses cosigned?  *step says so if not. */
static cc_status
check_witnesses(const Trust *t, const cc_checkpoint *c, cc_proof_step *step)
{
	if (t->policy == NULL)
		return CC_OK;
	*step = CC_STEP_WITNESSES;
	return cc_policy_quorum(t->policy, c);
}

/* Room for a proof of the widest table. */
static cc_row_proof *
make_proof(void)
{
	cc_row_proof *p = palloc0(sizeof(cc_row_proof));

	p->schema.columns = palloc0(CC_MAX_COLUMNS * sizeof(cc_column));
	p->schema.column_capacity = CC_MAX_COLUMNS;
	p->schema.key_positions = palloc0(CC_MAX_COLUMNS * sizeof(uint16_t));
	p->schema.key_capacity = CC_MAX_COLUMNS;
	p->key = palloc0(CC_MAX_COLUMNS * sizeof(cc_value));
	p->columns = palloc0(CC_MAX_COLUMNS * sizeof(cc_proof_column));
	p->capacity = CC_MAX_COLUMNS;
	return p;
}

/* Can the value be shown in this database? */
static bool
showable(const cc_value *v)
{
	if (v->form == CC_VALUE_NULL)
		return true;
	return v->form != CC_VALUE_REFERENCE && custody_rowjson_text(v->data, v->len) != NULL;
}

/* The columns that the proof shows; *whole: all of those could be. */
static Jsonb *
shown_values(const Version *v, bool *whole)
{
	const cc_schema *s = v->schema;
	uint16_t   *positions = palloc((s->ncolumns + 1) * sizeof(uint16_t));
	cc_value   *values = palloc((s->ncolumns + 1) * sizeof(cc_value));
	uint16_t	n = 0;

	for (int i = 0; i < s->ncolumns; i++)
	{
		const cc_proof_column *column = &v->columns[i];

		if (!column->open)
			continue;
		if (!showable(&column->value))
		{
			*whole = false;
			continue;
		}
		positions[n] = (uint16_t) i;
		values[n++] = column->value;
	}
	return custody_rowjson(s, positions, n, values);
}

static Jsonb *
shown_key(const Version *v, bool *whole)
{
	uint16_t	n = cc_schema_key_count(v->schema);

	for (int i = 0; i < n; i++)
		if (!showable(&v->key[i]))
			*whole = false;
	return *whole ? custody_rowjson(v->schema, cc_schema_key_positions(v->schema),
									n, v->key) : NULL;
}

static void
set_json(Shown *result, int column, Jsonb *json, bool *whole)
{
	if (json == NULL)
		*whole = false;
	else
		set(result, column, JsonbPGetDatum(json));
}

static void
set_row(Shown *result, const Version *v)
{
	char	   *schema = custody_rowjson_text(v->schema->schema.data, v->schema->schema.len);
	char	   *table = custody_rowjson_text(v->schema->table.data, v->schema->table.len);
	bool		whole = schema != NULL && table != NULL;

	if (whole)
		set(result, RESULT_RELATION,
			CStringGetTextDatum(quote_qualified_identifier(schema, table)));
	set_json(result, RESULT_ROW_KEY, shown_key(v, &whole), &whole);
	if (cc_kind_has_row(v->entry->kind))
		set_json(result, RESULT_VALUES, shown_values(v, &whole), &whole);
	if (!whole)
		set_problem(result, "not everything can be shown in this database's encoding");
}

/* What a proof says that holds. */
static void
set_version(Shown *result, const Version *v)
{
	TimestampTz changed_at = custody_past_time(v->record->commit_time);

	clear(result, true);
	set(result, RESULT_OPERATION, CStringGetTextDatum(cc_kind_name(v->entry->kind)));
	if (IS_VALID_TIMESTAMP(changed_at))
		set(result, RESULT_CHANGED_AT, TimestampTzGetDatum(changed_at));
	set(result, RESULT_TREE_SIZE, Int64GetDatum((int64) v->tree_size));
	if (v->schema != NULL)
		set_row(result, v);
}

static void
verify_row(Shown *result, char *text, size_t len, const Trust *t)
{
	cc_row_proof *p = make_proof();
	Version		v = {&p->entry, &p->record, &p->schema, p->key, p->columns};
	cc_proof_step step;
	cc_status	status = cc_row_proof_parse(p, text, len);

	if (status != CC_OK)
	{
		refuse_proof(result, psprintf("this is no proof of a row: %s", cc_status_text(status)));
		return;
	}
	status = cc_row_proof_check(p, t->keys, t->nkeys, &step);
	if (status == CC_OK)
		status = check_witnesses(t, &p->checkpoint, &step);
	if (status != CC_OK)
	{
		refuse_proof(result, psprintf("%s: %s", cc_proof_step_text(step), cc_status_text(status)));
		return;
	}
	v.tree_size = p->checkpoint.size;
	set_version(result, &v);
	put(result);
}

/* Histories */

static void
show_entry(Shown *result, const cc_history *h, size_t at, const cc_history_version *shown)
{
	const cc_history_item *item = &h->items[at];
	const char *gap = cc_history_gap(h, at);
	Version		v = {&shown->entry, &shown->record};

	if (item->is_version)
	{
		v.schema = &shown->schema;
		v.key = shown->key;
		v.columns = shown->columns;
	}
	v.tree_size = h->checkpoint.size;
	set_version(result, &v);
	set(result, RESULT_LINK, CStringGetTextDatum(cc_history_link_text(item->link)));
	if (h->has_old)
		set(result, RESULT_OLD_SIZE, Int64GetDatum((int64) h->old.size));
	if (gap != NULL)
		set(result, RESULT_NOT_SHOWN, CStringGetTextDatum(gap));
	put(result);
}

static void
show_life(Shown *result, const cc_history *h, cc_history_room *room)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "custody proof row",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const cc_history_version *v;
	size_t		next = 0;

	while ((v = cc_history_next(h, &next, room)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		show_entry(result, h, next - 1, v);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
}

static void
verify_history(Shown *result, char *text, size_t len, const Trust *t)
{
	cc_history *h = palloc0(sizeof(cc_history));
	cc_history_room *room = palloc(sizeof(cc_history_room));
	cc_proof_step step;
	cc_status	status;
	size_t		at;

	cc_history_measure(text, len, &h->schema_capacity, &h->item_capacity);
	h->schemas = MemoryContextAllocHuge(CurrentMemoryContext,
										(h->schema_capacity + 1) * sizeof(cc_slice));
	h->items = MemoryContextAllocHuge(CurrentMemoryContext,
									  (h->item_capacity + 1) * sizeof(cc_history_item));
	status = cc_history_parse(h, text, len);
	if (status != CC_OK)
	{
		refuse_proof(result, psprintf("this is no proof of a history: %s", cc_status_text(status)));
		return;
	}
	status = cc_history_check(h, room, t->keys, t->nkeys, &step, &at);
	if (status == CC_OK)
		status = check_witnesses(t, &h->checkpoint, &step);
	if (status == CC_OK)
		show_life(result, h, room);
	else if (at < h->nitems)
		refuse_proof(result, psprintf("entry " UINT64_FORMAT " of leaf " UINT64_FORMAT ": %s: %s",
									  h->items[at].entry_no, h->items[at].leaf_index,
									  cc_proof_step_text(step), cc_status_text(status)));
	else
		refuse_proof(result, psprintf("%s: %s", cc_proof_step_text(step), cc_status_text(status)));
}

static void
verify(Shown *result, text *bundle, const Trust *t)
{
	size_t		len = VARSIZE_ANY_EXHDR(bundle);
	char	   *copy = palloc(len + 2);

	/* What passed through psql or mail may have lost its last line feed. */
	memcpy(copy, VARDATA_ANY(bundle), len);
	len = cc_note_restore(copy, len);
	if (len >= strlen(CC_HISTORY_HEADER) &&
		memcmp(copy, CC_HISTORY_HEADER, strlen(CC_HISTORY_HEADER)) == 0)
		verify_history(result, copy, len, t);
	else
		verify_row(result, copy, len, t);
}

/* custody.verify_proof(bundle text, verifier_keys text[], policy text) */
Datum
custody_sql_verify_proof(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Trust		trust;
	Shown		result;

	InitMaterializedSRF(fcinfo, 0);
	parse_keys(fcinfo, &trust);
	result.rsinfo = rsinfo;
	if (PG_ARGISNULL(0))
		refuse_proof(&result, "this is no proof of a row: it is NULL");
	else
		verify(&result, PG_GETARG_TEXT_PP(0), &trust);
	return (Datum) 0;
}
