/*
 * history.c
 *	  SQL: history(relation, key).
 *
 * Gives what was recorded about a table's rows, or one row, with who and when
 * from the transaction record.
 *
 * Memory: each row is made in a context that is reset after it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/entryrow.h"
#include "pg/rowhistory.h"

/* The relation argument: regclass, or a table's name. */
static Oid
get_relation(FunctionCallInfo fcinfo)
{
	Oid			relid;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"relation\" must not be NULL"),
				 errdetail("History is asked for one table at a time."),
				 errhint("Name a table, as in custody.history('patient').")));
	if (get_fn_expr_argtype(fcinfo->flinfo, 0) == TEXTOID)
		relid = DatumGetObjectId(DirectFunctionCall1(regclassin,
													 CStringGetDatum(text_to_cstring(PG_GETARG_TEXT_PP(0)))));
	else
		relid = PG_GETARG_OID(0);
	if (get_rel_name(relid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid),
				 errdetail("It may have been dropped."),
				 errhint("What was recorded about it is in the view custody.entries.")));
	return relid;
}

PG_FUNCTION_INFO_V1(custody_sql_history);
Datum
custody_sql_history(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid = get_relation(fcinfo);
	Jsonb	   *key = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	CustodyRowHistory *history;
	CustodyPastEntry *entry;
	MemoryContext row_context;

	InitMaterializedSRF(fcinfo, 0);
	history = custody_rowhistory_begin(relid, key);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "custody history row",
										ALLOCSET_DEFAULT_SIZES);
	while ((entry = custody_rowhistory_next(history)) != NULL)
	{
		Datum		values[CUSTODY_ENTRYROW_COLUMNS];
		bool		nulls[CUSTODY_ENTRYROW_COLUMNS];
		MemoryContext old = MemoryContextSwitchTo(row_context);

		custody_entryrow_set(values, nulls, history->past, entry, CUSTODY_SHOW_ROW);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
	custody_rowhistory_end(history);
	return (Datum) 0;
}
