/*
 * protect.c
 *	  Beginning and ending the protection of a table.
 *
 * All of protect() is one transaction under ShareRowExclusiveLock: readers go
 * on, writers wait, and a cancelled call leaves nothing behind.  The baseline
 * is read with a snapshot taken after the lock, so it holds every row that
 * was committed before the triggers exist.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "pg/append.h"
#include "pg/baseline.h"
#include "pg/canonical.h"
#include "pg/catalog.h"
#include "pg/error.h"
#include "pg/protect.h"
#include "pg/protectable.h"
#include "pg/shmem.h"
#include "pg/trigger.h"

/* What protect() was asked for. */
typedef struct ProtectRequest
{
	char	   *subject;		/* NULL = none */
	char	   *mode;
	List	   *large_objects;	/* names of columns, char * */
} ProtectRequest;

static Datum
name_array(List *names)
{
	Datum	   *elements = palloc((list_length(names) + 1) * sizeof(Datum));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, names)
		elements[n++] = DirectFunctionCall1(namein, CStringGetDatum(lfirst(lc)));
	return PointerGetDatum(construct_array(elements, n, NAMEOID, NAMEDATALEN, false,
										   TYPALIGN_CHAR));
}

static void
store_protection(Oid relid, uint32 relation_id, const ProtectRequest *request)
{
	Datum		values[Anum_relation_large_objects];
	bool		nulls[Anum_relation_large_objects] = {0};
	NameData	subject;

	values[Anum_relation_relation_id - 1] = UInt32GetDatum(relation_id);
	values[Anum_relation_relation - 1] = ObjectIdGetDatum(relid);
	nulls[Anum_relation_subject - 1] = request->subject == NULL;
	if (request->subject != NULL)
		namestrcpy(&subject, request->subject);
	values[Anum_relation_subject - 1] = NameGetDatum(&subject);
	values[Anum_relation_mode - 1] = CStringGetTextDatum(request->mode);
	values[Anum_relation_large_objects - 1] = name_array(request->large_objects);
	custody_catalog_insert(CUSTODY_LOG_RELATION, values, nulls);
	/* The sealer looks at the environment of its tables. */
	CacheInvalidateRelcacheByRelid(custody_catalog_relid(CUSTODY_LOG_RELATION));
}

static void
append_protect_event(Oid relid, uint32 relation_id,
					 const ProtectRequest *request, uint64 rows)
{
	cc_protect_event event;
	cc_writer	w;
	uint8	   *body;

	event.schema = custody_canonical_slice(get_namespace_name(get_rel_namespace(relid)));
	event.table = custody_canonical_slice(get_rel_name(relid));
	event.mode = custody_canonical_slice(request->mode);
	event.subject = custody_canonical_slice(request->subject ? request->subject : "");
	event.large_objects = custody_canonical_slice(custody_schema_list(request->large_objects));
	event.baseline_rows = rows;
	cc_writer_init(&w, NULL, 0);
	cc_write_protect_event(&w, &event);
	body = palloc(w.len);
	cc_writer_init(&w, body, w.len);
	cc_write_protect_event(&w, &event);
	custody_append_event(CC_KIND_PROTECT, relation_id, 0, body, w.len);
}

/* Triggers and baseline of one leaf. */
static uint64
protect_leaf(Oid leaf)
{
	Relation	rel;
	uint64		rows;

	custody_trigger_make_truncate(leaf);
	rel = table_open(leaf, ShareRowExclusiveLock);
	rows = custody_baseline_record(rel);
	table_close(rel, NoLock);
	return rows;
}

/* One table with its partitions; inheritance children are tables of their own. */
static uint64
protect_table(Oid relid, const ProtectRequest *request)
{
	Relation	rel = custody_protectable_open(relid);
	uint32		relation_id;
	uint64		rows = 0;
	ListCell   *lc;

	custody_protectable_check(rel, request->subject, request->large_objects);
	relation_id = (uint32) custody_catalog_nextval(CUSTODY_RELATION_NUMBER);
	store_protection(relid, relation_id, request);
	relation_close(rel, NoLock);

	custody_trigger_make_row(relid);
	foreach(lc, custody_schema_leaves(relid, ShareRowExclusiveLock))
		rows += protect_leaf(lfirst_oid(lc));
	append_protect_event(relid, relation_id, request, rows);
	return rows;
}

/* A table and, with old-style inheritance, every child not yet protected. */
static uint64
protect_tree(Oid relid, const ProtectRequest *request)
{
	uint64		rows = protect_table(relid, request);
	ListCell   *lc;

	if (get_rel_relkind(relid) != RELKIND_RELATION)
		return rows;
	foreach(lc, find_all_inheritors(relid, ShareRowExclusiveLock, NULL))
	{
		Oid			child = lfirst_oid(lc);

		if (child != relid && custody_schema_protection(child, SnapshotSelf) == NULL)
			rows += protect_table(child, request);
	}
	return rows;
}

static char *
check_mode(text *mode)
{
	char	   *m = text_to_cstring(mode);

	if (strcmp(m, "updatable") != 0 && strcmp(m, "append_only") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("mode \"%s\" is not recognized", m),
				 errdetail("A protected table is \"updatable\" or \"append_only\"."),
				 errhint("Use mode => 'updatable' or mode => 'append_only'.")));
	return m;
}

static void
require_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", name),
				 errdetail("The call cannot be understood without it."),
				 errhint("Give a value for \"%s\".", name)));
}

/* The distinct elements of an array of names. */
static List *
column_names(ArrayType *array)
{
	List	   *result = NIL;
	ListCell   *lc;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		bool		known = false;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"large_objects\" must not contain NULL"),
					 errdetail("Each element names a column."),
					 errhint("Leave the argument out to record no large objects.")));
		foreach(lc, result)
			known |= strcmp(lfirst(lc), NameStr(*DatumGetName(elements[i]))) == 0;
		if (!known)
			result = lappend(result, pstrdup(NameStr(*DatumGetName(elements[i]))));
	}
	return result;
}

PG_FUNCTION_INFO_V1(custody_sql_protect);
Datum
custody_sql_protect(PG_FUNCTION_ARGS)
{
	ProtectRequest request;
	uint64		rows;

	require_argument(fcinfo, 0, "relation");
	require_argument(fcinfo, 2, "mode");
	require_argument(fcinfo, 3, "large_objects");
	request.subject = PG_ARGISNULL(1) ? NULL :
		pstrdup(NameStr(*PG_GETARG_NAME(1)));
	request.mode = check_mode(PG_GETARG_TEXT_PP(2));
	request.large_objects = column_names(PG_GETARG_ARRAYTYPE_P(3));
	rows = protect_tree(PG_GETARG_OID(0), &request);
	custody_shmem_wake_launcher();
	PG_RETURN_INT64((int64) rows);
}

static bool
is_excepted(ArrayType *except, Oid relid)
{
	Oid		   *oids = (Oid *) ARR_DATA_PTR(except);
	int			n = ArrayGetNItems(ARR_NDIM(except), ARR_DIMS(except));

	for (int i = 0; i < n; i++)
		if (oids[i] == relid)
			return true;
	return false;
}

/* Tables of a schema in order of name, partitions and our own left out. */
static List *
schema_tables(Oid namespace)
{
	List	   *result = NIL;
	MemoryContext caller = CurrentMemoryContext;
	char	   *query = psprintf("SELECT c.oid FROM pg_catalog.pg_class c"
								 " WHERE c.relnamespace OPERATOR(pg_catalog.=) %u"
								 " AND c.relkind::pg_catalog.text OPERATOR(pg_catalog.=) ANY ('{r,p}'::pg_catalog.text[])"
								 " AND NOT c.relispartition"
								 " AND c.relpersistence OPERATOR(pg_catalog.=) 'p'"
								 " ORDER BY c.relname", namespace);

	SPI_connect();
	if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed: %s", query);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		oid = SPI_getbinval(SPI_tuptable->vals[i],
										SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(caller);

		result = lappend_oid(result, DatumGetObjectId(oid));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return result;
}

PG_FUNCTION_INFO_V1(custody_sql_protect_schema);
Datum
custody_sql_protect_schema(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			namespace;
	ListCell   *lc;

	require_argument(fcinfo, 0, "schema");
	require_argument(fcinfo, 2, "except");
	namespace = get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), false);
	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, schema_tables(namespace))
	{
		Oid			relid = lfirst_oid(lc);
		ProtectRequest request = {NULL, "updatable", NIL};
		Datum		values[2];
		bool		nulls[2] = {0};

		if (is_excepted(PG_GETARG_ARRAYTYPE_P(2), relid) ||
			custody_schema_protection(relid, SnapshotSelf) != NULL)
			continue;
		if (!PG_ARGISNULL(1) &&
			custody_schema_attnum(relid, NameStr(*PG_GETARG_NAME(1))) > 0)
			request.subject = pstrdup(NameStr(*PG_GETARG_NAME(1)));
		values[0] = ObjectIdGetDatum(relid);
		values[1] = Int64GetDatum((int64) protect_tree(relid, &request));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	custody_shmem_wake_launcher();
	return (Datum) 0;
}

void
custody_protect_release(const CustodyProtection *p, const char *schema,
						const char *table, const char *reason)
{
	cc_unprotect_event event;
	cc_writer	w;
	uint8	   *body;
	Datum		values[Anum_release_relation_id];
	bool		nulls[Anum_release_relation_id] = {0};

	event.schema = custody_canonical_slice(schema);
	event.table = custody_canonical_slice(table);
	event.reason = custody_canonical_slice(reason);
	cc_writer_init(&w, NULL, 0);
	cc_write_unprotect_event(&w, &event);
	body = palloc(w.len);
	cc_writer_init(&w, body, w.len);
	cc_write_unprotect_event(&w, &event);
	custody_append_event(CC_KIND_UNPROTECT, p->relation_id, 0, body, w.len);

	values[Anum_release_relation_id - 1] = UInt32GetDatum(p->relation_id);
	custody_catalog_insert(CUSTODY_LOG_RELEASE, values, nulls);
	CacheInvalidateRelcacheByRelid(custody_catalog_relid(CUSTODY_LOG_RELEASE));
}

static char *
renamed(const CustodyRenaming *renaming, const char *column)
{
	return pstrdup(strcmp(column, renaming->before) == 0 ? renaming->after : column);
}

void
custody_protect_renew(const CustodyProtection *p, const CustodyRenaming *renaming)
{
	ProtectRequest request;
	uint32		relation_id;
	uint64		rows = 0;
	ListCell   *lc;

	request.subject = p->subject == NULL ? NULL : renamed(renaming, p->subject);
	request.mode = p->append_only ? "append_only" : "updatable";
	request.large_objects = NIL;
	foreach(lc, p->large_objects)
		request.large_objects = lappend(request.large_objects, renamed(renaming, lfirst(lc)));
	custody_protect_release(p, get_namespace_name(get_rel_namespace(p->relid)),
							get_rel_name(p->relid), "column that the protection names was renamed");
	relation_id = (uint32) custody_catalog_nextval(CUSTODY_RELATION_NUMBER);
	store_protection(p->relid, relation_id, &request);
	foreach(lc, custody_schema_leaves(p->relid, AccessShareLock))
		rows += protect_leaf(lfirst_oid(lc));
	append_protect_event(p->relid, relation_id, &request, rows);
}

PG_FUNCTION_INFO_V1(custody_sql_unprotect);
Datum
custody_sql_unprotect(PG_FUNCTION_ARGS)
{
	Oid			relid;
	Relation	rel;
	CustodyProtection *p;
	char	   *reason;
	ListCell   *lc;

	require_argument(fcinfo, 0, "relation");
	require_argument(fcinfo, 1, "reason");
	relid = PG_GETARG_OID(0);
	reason = text_to_cstring(PG_GETARG_TEXT_PP(1));
	rel = custody_protectable_open(relid);
	custody_protectable_check_rights(rel);
	p = custody_schema_protection(relid, SnapshotSelf);
	if (p == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_NOT_PROTECTED),
				 errmsg("table \"%s\" is not protected", get_rel_name(relid)),
				 errdetail("The ledger knows no protection of this table."),
				 errhint("See custody.protected_tables; a partition is protected through its root.")));
	if (reason[strspn(reason, " \t\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reason must not be empty"),
				 errdetail("Ending a protection is an entry, and the reason stands in it."),
				 errhint("Say why, for instance 'table moved to the archive database'.")));
	foreach(lc, custody_schema_leaves(relid, ShareRowExclusiveLock))
		custody_trigger_drop(lfirst_oid(lc), CUSTODY_TRUNCATE_TRIGGER);
	custody_trigger_drop(relid, CUSTODY_ROW_TRIGGER);
	custody_protect_release(p, get_namespace_name(get_rel_namespace(relid)),
							get_rel_name(relid), reason);
	relation_close(rel, NoLock);
	PG_RETURN_VOID();
}
