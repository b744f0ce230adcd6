/*
 * typed.c
 *	  Stored values to rows of a table's own type.
 *
 * Columns are matched by name.  A column that a row does not have reads as the
 * missing value recorded for it (what ADD COLUMN ... DEFAULT gives rows that
 * were there), or as NULL; so does a value that is no longer at hand.
 *
 * Memory: a row's datums live in a context that is reset after it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/canonical.h"
#include "pg/rowjson.h"
#include "pg/typed.h"

#define NO_COLUMN (-1)

/* Where the value of a column of the row type is. */
typedef struct Source
{
	int			position;		/* in the row, or NO_COLUMN */
	const cc_value *missing;	/* then this, unless it is NULL */
} Source;

/* Sources of all columns, for rows of one schema version. */
typedef struct ColumnMap
{
	uint32		version;		/* hash key */
	Source	   *sources;
} ColumnMap;

Oid
custody_typed_relation(FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Oid			relid = OidIsValid(type) ? get_typ_typrelid(type) : InvalidOid;
	char		kind = OidIsValid(relid) ? get_rel_relkind(relid) : '\0';

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("row_type must be of a table's row type, not %s",
						OidIsValid(type) ? format_type_be(type) : "untyped"),
				 errdetail("The type of the argument names the table and shapes the result."),
				 errhint("Cast a null, as in custody.as_of(NULL::patient, now()).")));
	return relid;
}

CustodyTyped *
custody_typed_begin(FunctionCallInfo fcinfo, CustodyLayouts *layouts)
{
	CustodyTyped *typed = palloc0(sizeof(CustodyTyped));
	HASHCTL		ctl = {0};
	int			natts;

	InitMaterializedSRF(fcinfo, 0);
	typed->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	typed->layouts = layouts;
	natts = typed->rsinfo->setDesc->natts;
	typed->values = palloc0((natts + 1) * sizeof(Datum));
	typed->nulls = palloc0((natts + 1) * sizeof(bool));
	ctl.keysize = sizeof(uint32);
	ctl.entrysize = sizeof(ColumnMap);
	ctl.hcxt = CurrentMemoryContext;
	typed->maps = hash_create("custody column maps", 16, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	typed->row_context = AllocSetContextCreate(CurrentMemoryContext,
											   "custody typed row",
											   ALLOCSET_DEFAULT_SIZES);
	return typed;
}

static int
find_by_name(const cc_schema *s, const char *name, size_t len)
{
	for (int i = 0; i < s->ncolumns; i++)
		if (s->columns[i].name.len == len &&
			memcmp(s->columns[i].name.data, name, len) == 0)
			return i;
	return NO_COLUMN;
}

/*
 * The missing value of a column that came after a version: as the first later
 * version of the same leaf table that has one says.  (A rewrite of the table
 * ends it for the versions after.)
 */
static const cc_value *
find_missing(const CustodyTyped *typed, const CustodyLayout *layout,
			 const char *name, size_t len)
{
	const CustodyLayout *first = NULL;
	const cc_value *missing = NULL;
	CustodyLayout *later;
	HASH_SEQ_STATUS seq;

	hash_seq_init(&seq, typed->layouts->by_version);
	while ((later = hash_seq_search(&seq)) != NULL)
	{
		const cc_schema *s;
		int			position;

		if (later->leaf != layout->leaf || later->version < layout->version ||
			(first != NULL && later->version > first->version))
			continue;
		s = &custody_layouts_find(typed->layouts, later->version)->decoded->schema;
		position = find_by_name(s, name, len);
		if (position == NO_COLUMN ||
			!(s->columns[position].flags & CC_COLUMN_HAS_MISSING))
			continue;
		first = later;
		missing = &s->columns[position].missing;
	}
	return missing;
}

static Source
map_column(const CustodyTyped *typed, const CustodyLayout *layout, const char *name)
{
	char	   *utf8 = pg_server_to_any(name, strlen(name), PG_UTF8);
	size_t		len = strlen(utf8);
	Source		source;

	source.position = find_by_name(&layout->decoded->schema, utf8, len);
	source.missing = source.position != NO_COLUMN ? NULL :
		find_missing(typed, layout, utf8, len);
	return source;
}

static const Source *
get_map(CustodyTyped *typed, const CustodyLayout *layout)
{
	TupleDesc	desc = typed->rsinfo->setDesc;
	bool		found;
	ColumnMap  *map = hash_search(typed->maps, &layout->version, HASH_ENTER, &found);

	if (found)
		return map->sources;
	map->sources = MemoryContextAllocZero(GetMemoryChunkContext(typed),
										  (desc->natts + 1) * sizeof(Source));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		map->sources[i].position = NO_COLUMN;
		if (!att->attisdropped)
			map->sources[i] = map_column(typed, layout, NameStr(att->attname));
	}
	return map->sources;
}

static void
set_value(CustodyTyped *typed, int i, const cc_value *value)
{
	Form_pg_attribute att = TupleDescAttr(typed->rsinfo->setDesc, i);
	char	   *text = NULL;

	if (value != NULL &&
		(value->form == CC_VALUE_SHORT || value->form == CC_VALUE_LONG))
		text = custody_rowjson_text(value->data, value->len);
	typed->nulls[i] = text == NULL;
	typed->values[i] = text == NULL ? (Datum) 0 :
		custody_canonical_input(att->atttypid, att->atttypmod, text);
}

static void
set_row(CustodyTyped *typed, const Source *sources, const cc_value *values)
{
	TupleDesc	desc = typed->rsinfo->setDesc;

	for (int i = 0; i < desc->natts; i++)
		set_value(typed, i, sources[i].position == NO_COLUMN ?
				  sources[i].missing : &values[sources[i].position]);
}

void
custody_typed_put(CustodyTyped *typed, const CustodyLayout *layout,
				  const cc_value *values)
{
	const Source *map = get_map(typed, layout);
	MemoryContext old = MemoryContextSwitchTo(typed->row_context);
	CustodySettings saved;

	custody_canonical_begin(&saved, true);
	PG_TRY();
	{
		set_row(typed, map, values);
	}
	PG_FINALLY();
	{
		custody_canonical_end(&saved);
	}
	PG_END_TRY();
	tuplestore_putvalues(typed->rsinfo->setResult, typed->rsinfo->setDesc,
						 typed->values, typed->nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(typed->row_context);
}
