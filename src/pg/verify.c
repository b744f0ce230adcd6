/*
 * verify.c
 *	  custody.verify(): the ledger recomputed, live rows and triggers compared
 *	  with it.
 *
 * Everything is read under one snapshot.  TRUNCATE and table rewrites do not
 * respect snapshots, so the protected tables are locked first and the snapshot
 * is taken after: what such a command removed is then either not removed or
 * its entry is visible.  The locks (AccessShareLock) are given back at the
 * end.  Nothing is written; a READ ONLY transaction and a hot standby will do.
 *
 * The functions of this file and its companions read the ledger without
 * privilege checks: EXECUTE on custody.verify() is the permission.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/catalog.h"
#include "pg/error.h"
#include "pg/verify.h"
#include "pg/xact.h"

/* Lock a protected table and its leaves; adds what was locked to a list. */
static List *
lock_table(List *locked, Oid relid)
{
	ListCell   *lc;

	LockRelationOid(relid, AccessShareLock);
	locked = lappend_oid(locked, relid);
	if (!custody_verify_is_table(relid))
		return locked;
	foreach(lc, custody_schema_leaves(relid, NoLock))
	{
		LockRelationOid(lfirst_oid(lc), AccessShareLock);
		locked = lappend_oid(locked, lfirst_oid(lc));
	}
	return locked;
}

static List *
lock_tables(Oid relation)
{
	List	   *locked = NIL;
	ListCell   *lc;

	foreach(lc, custody_schema_protections(GetActiveSnapshot()))
	{
		CustodyProtection *p = lfirst(lc);

		if (!p->released && (!OidIsValid(relation) || p->relid == relation))
			locked = lock_table(locked, p->relid);
	}
	return locked;
}

static void
unlock_tables(List *locked)
{
	ListCell   *lc;

	foreach(lc, locked)
		UnlockRelationOid(lfirst_oid(lc), AccessShareLock);
}

/* The named table, or the root of the named partition, must be known. */
static void
check_relation(const CustodyVerify *v)
{
	ListCell   *lc;

	if (!OidIsValid(v->relation))
		return;
	foreach(lc, v->protections)
		if (((CustodyProtection *) lfirst(lc))->relid == v->relation)
			return;
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_NOT_PROTECTED),
			 errmsg("table \"%s\" is not protected", get_rel_name(v->relation) ?
					get_rel_name(v->relation) : psprintf("%u", v->relation)),
			 errdetail("The ledger knows no protection of this table."),
			 errhint("See custody.protected_tables; a partition is verified through its root.")));
}

static CustodyVerify *
verify_begin(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CustodyVerify *v = palloc0(sizeof(CustodyVerify));

	v->context = CurrentMemoryContext;
	v->scratch = AllocSetContextCreate(v->context, "pg_custody verify scratch",
									   ALLOCSET_DEFAULT_SIZES);
	v->finding = AllocSetContextCreate(v->context, "pg_custody finding",
									   ALLOCSET_SMALL_SIZES);
	v->store = rsinfo->setResult;
	v->desc = rsinfo->setDesc;
	v->relation = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	v->since = PG_ARGISNULL(1) ? 0 : Max(PG_GETARG_INT64(1), 0);
	custody_verify_report_init(v);
	return v;
}

static void
verify_all(CustodyVerify *v, ArrayType *anchors)
{
	List	   *locked = lock_tables(v->relation);

	v->snapshot = RegisterSnapshot(GetLatestSnapshot());
	PushActiveSnapshot(v->snapshot);
	v->protections = custody_schema_protections(v->snapshot);
	check_relation(v);
	custody_verify_events_init(v);
	custody_verify_entries_init(v);
	custody_verify_lookup_init(v);
	custody_verify_state_init(v);
	custody_verify_sets_init(v);
	custody_verify_ledger(v, anchors);
	custody_verify_events_end(v);
	custody_verify_cosignatures(v);
	custody_verify_state(v);
	custody_verify_ahead_end(v);
	custody_verify_capture(v);
	custody_verify_environment_end(v);
	PopActiveSnapshot();
	UnregisterSnapshot(v->snapshot);
	unlock_tables(locked);
}

PG_FUNCTION_INFO_V1(custody_sql_verify);
Datum
custody_sql_verify(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pg_custody verify",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	CustodyVerify *v;

	custody_xact_require_clean("custody.verify");
	InitMaterializedSRF(fcinfo, 0);
	old = MemoryContextSwitchTo(context);
	v = verify_begin(fcinfo);
	if (custody_verify_own_relations(v))
		verify_all(v, PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2));
	custody_verify_report_omitted(v);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
