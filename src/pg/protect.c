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
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_authid.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/append.h"
#include "pg/canonical.h"
#include "pg/capture.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/guc.h"
#include "pg/protect.h"
#include "pg/relstate.h"
#include "pg/shmem.h"

/* How often progress is reported. */
#define PROGRESS_INTERVAL_MS 2000

/* What protect() was asked for. */
typedef struct ProtectRequest
{
	char	   *subject;		/* NULL = none */
	char	   *mode;
	List	   *large_objects;	/* names of columns, char * */
} ProtectRequest;

static char *
qualified_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* Does our own DDL run? */
static bool running_ddl = false;

bool
custody_protect_running_ddl(void)
{
	return running_ddl;
}

/* Run DDL with the rights of the bootstrap superuser. */
static void
run_ddl(const char *command)
{
	Oid			user;
	int			context;
	int			nest_level = NewGUCNestLevel();

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   context | SECURITY_LOCAL_USERID_CHANGE);
	running_ddl = true;
	PG_TRY();
	{
		(void) set_config_option("search_path", "pg_catalog, pg_temp",
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
		SPI_connect();
		if (SPI_execute(command, false, 0) < 0)
			elog(ERROR, "SPI_execute failed: %s", command);
		SPI_finish();
	}
	PG_FINALLY();
	{
		running_ddl = false;
		SetUserIdAndSecContext(user, context);
	}
	PG_END_TRY();
	AtEOXact_GUC(true, nest_level);
}

bool
custody_protect_is_trigger(const char *name)
{
	return strcmp(name, CUSTODY_ROW_TRIGGER) == 0 ||
		strcmp(name, CUSTODY_TRUNCATE_TRIGGER) == 0;
}

bool
custody_protect_has_trigger(Oid relid, const char *name)
{
	return OidIsValid(get_trigger_oid(relid, name, true));
}

static void
create_trigger(Oid relid, const char *name, const char *when,
			   const char *each, const char *function)
{
	run_ddl(psprintf("CREATE TRIGGER %s %s ON %s FOR EACH %s EXECUTE FUNCTION custody.%s()",
					 quote_identifier(name), when, qualified_name(relid),
					 each, function));
	run_ddl(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
					 qualified_name(relid), quote_identifier(name)));
}

void
custody_protect_truncate_trigger(Oid leaf)
{
	if (!custody_protect_has_trigger(leaf, CUSTODY_TRUNCATE_TRIGGER))
		create_trigger(leaf, CUSTODY_TRUNCATE_TRIGGER, "BEFORE TRUNCATE",
					   "STATEMENT", "capture_truncate");
}

static void
create_row_trigger(Oid relid)
{
	create_trigger(relid, CUSTODY_ROW_TRIGGER,
				   "AFTER INSERT OR UPDATE OR DELETE", "ROW", "capture");
}

void
custody_protect_drop_trigger(Oid relid, const char *name)
{
	run_ddl(psprintf("DROP TRIGGER IF EXISTS %s ON %s",
					 quote_identifier(name), qualified_name(relid)));
}

/* Progress of one baseline. */
typedef struct Progress
{
	const char *table;
	BlockNumber blocks;
	TimestampTz started;
	TimestampTz reported;
} Progress;

static void
report_progress(Progress *p, BlockNumber block, uint64 rows)
{
	TimestampTz now = GetCurrentTimestamp();
	double		seconds;

	if (now - p->reported < PROGRESS_INTERVAL_MS * INT64CONST(1000))
		return;
	p->reported = now;
	seconds = (now - p->started) / 1e6;
	ereport(NOTICE,
			(errmsg("baseline of \"%s\": %.0f %%, " UINT64_FORMAT " rows, %.0f rows/s",
					p->table, 100.0 * block / Max(p->blocks, 1), rows,
					rows / seconds)));
}

uint64
custody_protect_baseline(Relation leaf)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(leaf, NULL);
	TableScanDesc scan;
	Progress	progress;
	uint64		rows = 0;

	/* Makes the schema version before the first row. */
	(void) custody_relstate_get(leaf);
	progress.table = RelationGetRelationName(leaf);
	progress.blocks = RelationGetNumberOfBlocks(leaf);
	progress.started = progress.reported = GetCurrentTimestamp();
	scan = table_beginscan_strat(leaf, snapshot, 0, NULL, true, false);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		custody_capture_baseline(leaf, slot);
		rows++;
		if (rows % 1024 == 0)
			report_progress(&progress,
							ItemPointerGetBlockNumber(&slot->tts_tid), rows);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	return rows;
}

static void
refuse_kind(Relation rel, const char *what, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("cannot protect %s \"%s\"", what,
					RelationGetRelationName(rel)),
			 errdetail("Only permanent, logged tables of this database can be protected."),
			 errhint("%s", hint)));
}

static void
check_kind(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);

	if (IsCatalogRelation(rel) || IsToastRelation(rel) ||
		RelationGetNamespace(rel) == get_namespace_oid("information_schema", true))
		refuse_kind(rel, "system table", "Protect tables of applications.");
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			break;
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
			refuse_kind(rel, "view", "Protect the tables the view reads.");
			break;
		case RELKIND_FOREIGN_TABLE:
			refuse_kind(rel, "foreign table", "Protect the table on the server where it lives.");
			break;
		default:
			refuse_kind(rel, "relation", "Name a table.");
	}
	if (custody_catalog_is_ours(relid))
		refuse_kind(rel, "ledger table", "The ledger protects itself; protect tables of applications.");
	if (RelationUsesLocalBuffers(rel) || isAnyTempNamespace(RelationGetNamespace(rel)))
		refuse_kind(rel, "temporary table", "Protect a permanent table.");
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED)
		refuse_kind(rel, "unlogged table", "Run ALTER TABLE ... SET LOGGED first: a crash would empty the table without an entry.");
}

/* Open a table of which the caller knows the number. */
static Relation
open_named(Oid relid)
{
	Relation	rel = try_relation_open(relid, ShareRowExclusiveLock);

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid),
				 errdetail("It was dropped, or never was."),
				 errhint("Name an existing table.")));
	return rel;
}

static void
check_rights(Relation rel)
{
	if (!custody_compat_is_owner(RelationGetRelid(rel), GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE,
					   RelationGetRelationName(rel));
}

static void
check_not_protected(Relation rel)
{
	Oid			root = custody_schema_root(RelationGetRelid(rel));

	if (custody_schema_protection(root, SnapshotSelf) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_ALREADY_PROTECTED),
				 errmsg("table \"%s\" is already protected",
						RelationGetRelationName(rel)),
				 errdetail("Its protection is recorded in custody.protected_tables."),
				 errhint("Run \"SELECT custody.unprotect('%s', 'reason')\" first to change subject or mode.",
						 get_rel_name(root))));
}

/* A partition under protection of its own has our triggers already. */
static void
check_partitions(Relation rel)
{
	ListCell   *lc;

	if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return;
	foreach(lc, find_all_inheritors(RelationGetRelid(rel),
									ShareRowExclusiveLock, NULL))
	{
		Oid			part = lfirst_oid(lc);

		if (part != RelationGetRelid(rel) &&
			custody_schema_protection(part, SnapshotSelf) != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_CUSTODY_ALREADY_PROTECTED),
					 errmsg("partition \"%s\" of table \"%s\" is already protected",
							get_rel_name(part), RelationGetRelationName(rel)),
					 errdetail("A partition is protected alone or with its root, not both."),
					 errhint("Run \"SELECT custody.unprotect('%s', 'reason')\" first.",
							 get_rel_name(part))));
	}
}

static void
check_subject(Relation rel, const char *subject)
{
	if (subject == NULL || custody_schema_attnum(RelationGetRelid(rel), subject) > 0)
		return;
	if (get_attnum(RelationGetRelid(rel), subject) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("virtual column \"%s\" of table \"%s\" cannot name the subject",
						subject, RelationGetRelationName(rel)),
				 errdetail("What is computed when it is read is not recorded."),
				 errhint("Name a stored column, or leave subject out.")));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of table \"%s\" does not exist",
					subject, RelationGetRelationName(rel)),
			 errdetail("The subject column names the person a row is about."),
			 errhint("Name an existing column, or leave subject out.")));
}

/* Columns that may name large objects, of a table whose rows have names. */
static void
check_large_objects(Relation rel, List *names)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		AttrNumber	attnum = get_attnum(RelationGetRelid(rel), lfirst(lc));

		if (attnum <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of table \"%s\" does not exist",
							(char *) lfirst(lc), RelationGetRelationName(rel)),
					 errdetail("Each of large_objects names a column that holds OIDs of large objects."),
					 errhint("Name existing columns, or leave large_objects out.")));
		if (!custody_canonical_names_object(TupleDescAttr(RelationGetDescr(rel), attnum - 1)))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of table \"%s\" cannot name large objects",
							(char *) lfirst(lc), RelationGetRelationName(rel)),
					 errdetail("A column that names large objects is stored and of type oid, or of a domain over it."),
					 errhint("Name another column, or leave large_objects out.")));
	}
	if (names != NIL && !custody_schema_has_key(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot record the large objects of table \"%s\", which has no key",
						RelationGetRelationName(rel)),
				 errdetail("Rows without a key are told apart by their columns alone."),
				 errhint("Add a primary key, or leave large_objects out.")));
}

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

	custody_protect_truncate_trigger(leaf);
	rel = table_open(leaf, ShareRowExclusiveLock);
	rows = custody_protect_baseline(rel);
	table_close(rel, NoLock);
	return rows;
}

/* One table with its partitions; inheritance children are tables of their own. */
static uint64
protect_table(Oid relid, const ProtectRequest *request)
{
	Relation	rel = open_named(relid);
	uint32		relation_id;
	uint64		rows = 0;
	ListCell   *lc;

	check_kind(rel);
	check_rights(rel);
	check_not_protected(rel);
	check_partitions(rel);
	check_subject(rel, request->subject);
	check_large_objects(rel, request->large_objects);
	relation_id = (uint32) custody_catalog_nextval(CUSTODY_RELATION_NUMBER);
	store_protection(relid, relation_id, request);
	relation_close(rel, NoLock);

	create_row_trigger(relid);
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
	rel = open_named(relid);
	check_rights(rel);
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
		custody_protect_drop_trigger(lfirst_oid(lc), CUSTODY_TRUNCATE_TRIGGER);
	custody_protect_drop_trigger(relid, CUSTODY_ROW_TRIGGER);
	custody_protect_release(p, get_namespace_name(get_rel_namespace(relid)),
							get_rel_name(relid), reason);
	relation_close(rel, NoLock);
	PG_RETURN_VOID();
}

/* Keep the context until the transaction ends. */
static void
set_context(FunctionCallInfo fcinfo, int n, const char *name)
{
	char	   *value = "";

	if (!PG_ARGISNULL(n))
		value = n == 3 ?
			JsonbToCString(NULL, &PG_GETARG_JSONB_P(n)->root,
						   VARSIZE(PG_GETARG_JSONB_P(n))) :
			text_to_cstring(PG_GETARG_TEXT_PP(n));
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

PG_FUNCTION_INFO_V1(custody_sql_set_context);
Datum
custody_sql_set_context(PG_FUNCTION_ARGS)
{
	set_context(fcinfo, 0, "custody.context_actor");
	set_context(fcinfo, 1, "custody.context_reason");
	set_context(fcinfo, 2, "custody.context_purpose");
	set_context(fcinfo, 3, "custody.context_extra");
	PG_RETURN_VOID();
}
