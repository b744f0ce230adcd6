/*
 * verify_proof.c
 *	  SQL: verify_proof(bundle, verifier_keys).
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
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/rowproof.h"
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
	RESULT_COLUMNS
};

typedef struct Shown
{
	Datum		values[RESULT_COLUMNS];
	bool		nulls[RESULT_COLUMNS];
} Shown;

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

static void
refuse_keys(const char *message, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 errdetail("%s", detail),
			 errhint("Give the keys you trust, as name+hash+base64; custody.verifier_key() shows a ledger's own.")));
}

static cc_vkey *
parse_keys(FunctionCallInfo fcinfo, size_t *nkeys)
{
	Datum	   *elements;
	bool	   *nulls;
	cc_vkey    *keys;
	int			n = 0;

	if (!PG_ARGISNULL(1))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
						  &elements, &nulls, &n);
	if (n == 0)
		refuse_keys("no verifier key was given",
					"A proof says who signed it, not whom to trust.");
	keys = palloc0(n * sizeof(cc_vkey));
	for (int i = 0; i < n; i++)
	{
		text	   *key = nulls[i] ? NULL : DatumGetTextPP(elements[i]);
		cc_status	status = key == NULL ? CC_E_TRUNCATED :
			cc_vkey_parse(&keys[i], VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));

		if (status != CC_OK)
			refuse_keys(psprintf("verifier key %d cannot be read", i + 1),
						psprintf("It is no key: %s.", cc_status_text(status)));
	}
	*nkeys = n;
	return keys;
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
shown_values(const cc_row_proof *p, bool *whole)
{
	uint16_t   *positions = palloc((p->schema.ncolumns + 1) * sizeof(uint16_t));
	cc_value   *values = palloc((p->schema.ncolumns + 1) * sizeof(cc_value));
	uint16_t	n = 0;

	for (int i = 0; i < p->schema.ncolumns; i++)
	{
		const cc_proof_column *column = &p->columns[i];

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
	return custody_rowjson(&p->schema, positions, n, values);
}

static Jsonb *
shown_key(const cc_row_proof *p, bool *whole)
{
	uint16_t	n = cc_schema_key_count(&p->schema);

	for (int i = 0; i < n; i++)
		if (!showable(&p->key[i]))
			*whole = false;
	return *whole ? custody_rowjson(&p->schema, cc_schema_key_positions(&p->schema),
									n, p->key) : NULL;
}

static void
set_json(Shown *result, int column, Jsonb *json, bool *whole)
{
	if (json == NULL)
		*whole = false;
	else
		set(result, column, JsonbPGetDatum(json));
}

/* What a proof says that holds. */
static void
show_proof(Shown *result, const cc_row_proof *p)
{
	char	   *schema = custody_rowjson_text(p->schema.schema.data, p->schema.schema.len);
	char	   *table = custody_rowjson_text(p->schema.table.data, p->schema.table.len);
	TimestampTz changed_at = custody_past_time(p->record.commit_time);
	bool		whole = schema != NULL && table != NULL;

	set(result, RESULT_VALID, BoolGetDatum(true));
	if (whole)
		set(result, RESULT_RELATION,
			CStringGetTextDatum(quote_qualified_identifier(schema, table)));
	set_json(result, RESULT_ROW_KEY, shown_key(p, &whole), &whole);
	set(result, RESULT_OPERATION, CStringGetTextDatum(cc_kind_name(p->entry.kind)));
	if (IS_VALID_TIMESTAMP(changed_at))
		set(result, RESULT_CHANGED_AT, TimestampTzGetDatum(changed_at));
	if (cc_kind_has_row(p->entry.kind))
		set_json(result, RESULT_VALUES, shown_values(p, &whole), &whole);
	set(result, RESULT_TREE_SIZE, Int64GetDatum((int64) p->checkpoint.size));
	if (!whole)
		set_problem(result, "not everything can be shown in this database's encoding");
}

static void
verify(Shown *result, text *bundle, const cc_vkey *keys, size_t nkeys)
{
	cc_row_proof *p = make_proof();
	size_t		len = VARSIZE_ANY_EXHDR(bundle);
	char	   *copy = palloc(len + 2);
	cc_proof_step step;
	cc_status	status;

	/* What passed through psql or mail may have lost its last line feed. */
	memcpy(copy, VARDATA_ANY(bundle), len);
	len = cc_note_restore(copy, len);
	status = cc_row_proof_parse(p, copy, len);
	if (status != CC_OK)
	{
		set_problem(result, psprintf("this is no proof of a row: %s", cc_status_text(status)));
		return;
	}
	status = cc_row_proof_check(p, keys, nkeys, &step);
	if (status != CC_OK)
		set_problem(result, psprintf("%s: %s", cc_proof_step_text(step), cc_status_text(status)));
	else
		show_proof(result, p);
}

/* custody.verify_proof(bundle text, verifier_keys text[]) */
Datum
custody_sql_verify_proof(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	cc_vkey    *keys;
	size_t		nkeys;
	Shown		result;

	InitMaterializedSRF(fcinfo, 0);
	keys = parse_keys(fcinfo, &nkeys);
	memset(result.nulls, true, sizeof(result.nulls));
	set(&result, RESULT_VALID, BoolGetDatum(false));
	if (PG_ARGISNULL(0))
		set_problem(&result, "this is no proof of a row: it is NULL");
	else
		verify(&result, PG_GETARG_TEXT_PP(0), keys, nkeys);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, result.values, result.nulls);
	return (Datum) 0;
}
