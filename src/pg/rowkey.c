/*
 * rowkey.c
 *	  A row key given as jsonb, and which rows the caller may see.
 *
 * Rows are looked at with queries of the caller's own: his rights, his row
 * security policies, his settings.  Nothing here runs as anyone else.
 *
 * Canonical settings are in force only while values are converted, never while
 * a query or a policy runs.  Memory: results live in the caller's context.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rls.h"
#include "utils/typcache.h"

#include "pg/canonical.h"
#include "pg/rowjson.h"
#include "pg/rowkey.h"

#define ROWS_PER_FETCH 1000

/* Name of key column i; NULL when it is not text of this encoding. */
static char *
key_name(const cc_schema *s, int i)
{
	const uint16_t *positions = cc_schema_key_positions(s);
	const cc_column *column = &s->columns[positions ? positions[i] : i];

	return custody_rowjson_text(column->name.data, column->name.len);
}

static void
refuse_key(Oid relid, const cc_schema *s)
{
	StringInfoData expected;

	initStringInfo(&expected);
	for (int i = 0; i < cc_schema_key_count(s); i++)
	{
		char	   *name = key_name(s, i);

		if (i > 0)
			appendStringInfoString(&expected, ", ");
		escape_json(&expected, name ? name : "?");
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("key does not name the key columns of table \"%s\"",
					get_rel_name(relid)),
			 s->key_kind == CC_KEY_WHOLE_ROW ?
			 errdetail("The table has no key: a row is named by all its columns.") :
			 errdetail("A row is named by exactly its key columns."),
			 errhint("Give a jsonb object with these columns: %s.", expected.data)));
}

/* JSON scalar to the text its type's input takes; NULL for null. */
static char *
scalar_text(JsonbValue *v)
{
	switch (v->type)
	{
		case jbvNull:
			return NULL;
		case jbvString:
			return pnstrdup(v->val.string.val, v->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(v->val.numeric)));
		case jbvBool:
			return v->val.boolean ? "true" : "false";
		default:
			return JsonbToCString(NULL, v->val.binary.data, v->val.binary.len);
	}
}

static void
set_null(CustodyRowKey *key, int i)
{
	cc_value_set(&key->values[i], NULL, 0);
	key->nulls[i] = true;
}

/* Text to the column's type and back, for its canonical form. */
static void
set_canonical(CustodyRowKey *key, int i, Oid type, int32 typmod, const char *text)
{
	char	   *canonical = (char *) text;

	if (OidIsValid(type))
	{
		key->datums[i] = custody_canonical_input(type, typmod, text);
		canonical = custody_canonical_output(type, key->datums[i]);
	}
	cc_value_set(&key->values[i], canonical, strlen(canonical));
}

static void
set_column(CustodyRowKey *key, int i, Oid relid, const char *name, JsonbValue *v)
{
	char	   *text = scalar_text(v);
	Oid			type = InvalidOid;
	int32		typmod = -1;
	Oid			collation;

	key->attnums[i] = get_attnum(relid, name);
	if (key->attnums[i] > 0)
		get_atttypetypmodcoll(relid, key->attnums[i], &type, &typmod, &collation);
	if (text == NULL)
		set_null(key, i);
	else
		set_canonical(key, i, type, typmod, text);
}

static void
set_columns(CustodyRowKey *key, Oid relid, const cc_schema *s, Jsonb *json)
{
	for (int i = 0; i < key->n; i++)
	{
		char	   *name = key_name(s, i);
		JsonbValue *v;

		if (name == NULL)
			refuse_key(relid, s);
		v = getKeyJsonValueFromContainer(&json->root, name, strlen(name), NULL);
		if (v == NULL)
			refuse_key(relid, s);
		set_column(key, i, relid, name, v);
	}
}

CustodyRowKey *
custody_rowkey_parse(Oid relid, const CustodyVersion *version, Jsonb *json)
{
	const cc_schema *s = &version->schema;
	CustodyRowKey *key = palloc0(sizeof(CustodyRowKey));
	CustodySettings saved;

	key->n = cc_schema_key_count(s);
	key->values = palloc0((key->n + 1) * sizeof(cc_value));
	key->attnums = palloc0((key->n + 1) * sizeof(AttrNumber));
	key->datums = palloc0((key->n + 1) * sizeof(Datum));
	key->nulls = palloc0((key->n + 1) * sizeof(bool));
	if (!JB_ROOT_IS_OBJECT(json) || JB_ROOT_COUNT(json) != key->n)
		refuse_key(relid, s);

	custody_canonical_begin(&saved, true);
	PG_TRY();
	{
		set_columns(key, relid, s, json);
	}
	PG_FINALLY();
	{
		custody_canonical_end(&saved);
	}
	PG_END_TRY();
	return key;
}

void
custody_rowkey_require_select(Oid relid)
{
	AclResult	result = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, get_relkind_objtype(get_rel_relkind(relid)),
					   get_rel_name(relid));
}

bool
custody_rowkey_limited(Oid relid)
{
	return check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED;
}

static const char *
qualified_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* "SELECT FROM table WHERE column = $1 AND ..."; NULL if a column is gone. */
static char *
make_query(Oid relid, const CustodyRowKey *key, Oid *types)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT FROM %s WHERE ", qualified_name(relid));
	for (int i = 0; i < key->n; i++)
	{
		const char *column;
		char		parameter[16];
		Oid			eq;

		if (key->attnums[i] <= 0)
			return NULL;
		types[i] = get_atttype(relid, key->attnums[i]);
		eq = lookup_type_cache(types[i], TYPECACHE_EQ_OPR)->eq_opr;
		if (!OidIsValid(eq))
			return NULL;
		column = quote_identifier(get_attname(relid, key->attnums[i], false));
		snprintf(parameter, sizeof(parameter), "$%d", i + 1);
		if (i > 0)
			appendStringInfoString(&query, " AND ");
		generate_operator_clause(&query, column, types[i], eq, parameter, types[i]);
	}
	return query.data;
}

static void
require_spi(int result, int expected)
{
	if (result != expected)
		elog(ERROR, "SPI gave %d", result);
}

bool
custody_rowkey_visible(Oid relid, const CustodyRowKey *key)
{
	Oid		   *types = palloc(key->n * sizeof(Oid));
	char	   *nulls = palloc(key->n);
	char	   *query = make_query(relid, key, types);
	bool		found;

	if (query == NULL)
		return false;
	for (int i = 0; i < key->n; i++)
		nulls[i] = key->nulls[i] ? 'n' : ' ';
	require_spi(SPI_connect(), SPI_OK_CONNECT);
	require_spi(SPI_execute_with_args(query, key->n, types, key->datums, nulls,
									  true, 1), SPI_OK_SELECT);
	found = SPI_processed > 0;
	require_spi(SPI_finish(), SPI_OK_FINISH);
	return found;
}

/* "SELECT key columns FROM table"; NULL if a column is gone. */
static char *
make_keys_query(Oid relid, const cc_schema *s)
{
	StringInfoData query;

	initStringInfo(&query);
	for (int i = 0; i < cc_schema_key_count(s); i++)
	{
		char	   *name = key_name(s, i);

		if (name == NULL || get_attnum(relid, name) <= 0)
			return NULL;
		appendStringInfo(&query, "%s%s", i == 0 ? "SELECT " : ", ",
						 quote_identifier(name));
	}
	appendStringInfo(&query, " FROM %s", qualified_name(relid));
	return query.data;
}

/* Note the key digests of the rows SPI fetched. */
static void
note_keys(HTAB *keys, CustodyRenderer *renderer, TupleTableSlot *slot, int n)
{
	cc_value   *values = palloc((n + 1) * sizeof(cc_value));
	CustodySettings saved;

	custody_canonical_begin(&saved, custody_canonical_needs_full(renderer));
	PG_TRY();
	{
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			uint8		digest[CC_DIGEST_SIZE];

			ExecStoreHeapTuple(SPI_tuptable->vals[i], slot, false);
			custody_canonical_render(renderer, slot, values);
			cc_key_digest(digest, 0, values, NULL, n);
			hash_search(keys, digest, HASH_ENTER, NULL);
		}
	}
	PG_FINALLY();
	{
		custody_canonical_end(&saved);
	}
	PG_END_TRY();
}

/* Run the query for keys, some rows at a time. */
static void
fetch_keys(HTAB *keys, const char *query, int n)
{
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext,
												"custody visible keys",
												ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	Portal		portal = SPI_cursor_open_with_args(NULL, query, 0, NULL, NULL,
												   NULL, true, 0);
	CustodyRenderer *renderer = custody_canonical_renderer(portal->tupDesc, NIL);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(portal->tupDesc,
													&TTSOpsHeapTuple);

	for (;;)
	{
		SPI_cursor_fetch(portal, true, ROWS_PER_FETCH);
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(batch);
		note_keys(keys, renderer, slot, n);
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch);
		ExecClearTuple(slot);
		SPI_freetuptable(SPI_tuptable);
	}
	ExecDropSingleTupleTableSlot(slot);
	SPI_cursor_close(portal);
}

HTAB *
custody_rowkey_all_visible(Oid relid, const CustodyVersion *version)
{
	char	   *query = make_keys_query(relid, &version->schema);
	HASHCTL		ctl = {0};
	HTAB	   *keys;

	ctl.keysize = CC_DIGEST_SIZE;
	ctl.entrysize = CC_DIGEST_SIZE;
	ctl.hcxt = CurrentMemoryContext;
	keys = hash_create("custody visible keys", 256, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	if (query == NULL)
		return keys;
	require_spi(SPI_connect(), SPI_OK_CONNECT);
	fetch_keys(keys, query, cc_schema_key_count(&version->schema));
	require_spi(SPI_finish(), SPI_OK_FINISH);
	return keys;
}
