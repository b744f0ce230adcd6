/*
 * catalog.c
 *	  The only module that knows our tables and columns.
 *
 * OIDs are looked up once per backend and forgotten when any relation of ours
 * is invalidated (DROP, or CREATE EXTENSION anew).  Locks: appending takes
 * RowExclusiveLock, scanning AccessShareLock; both are released at the end of
 * the transaction (append) or of the scan.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"

static const char *const rel_names[CUSTODY_NUM_RELS] = {
	[CUSTODY_LOG_TRANSACTION] = "log_transaction",
	[CUSTODY_LOG_CHUNK] = "log_chunk",
	[CUSTODY_LOG_SUBTREE] = "log_subtree",
	[CUSTODY_LOG_LEAF] = "log_leaf",
	[CUSTODY_LOG_LOOKUP] = "log_lookup",
	[CUSTODY_LOG_BLOCK] = "log_block",
	[CUSTODY_LOG_STATE] = "log_state",
	[CUSTODY_LOG_EVENT] = "log_event",
	[CUSTODY_LOG_TILE] = "log_tile",
	[CUSTODY_LOG_CHECKPOINT] = "log_checkpoint",
	[CUSTODY_LOG_ANCHOR] = "log_anchor",
	[CUSTODY_LOG_INSPECTION] = "log_inspection",
	[CUSTODY_LOG_RELATION] = "log_relation",
	[CUSTODY_LOG_RELEASE] = "log_release",
	[CUSTODY_LOG_SCHEMA] = "log_schema",
	[CUSTODY_LOG_KEY] = "log_key",
	[CUSTODY_LOG_INCARNATION] = "log_incarnation",
	[CUSTODY_LOG_TRUSTED_LOG] = "log_trusted_log",
	[CUSTODY_LOG_COSIGNED] = "log_cosigned",
	[CUSTODY_LOG_WITNESS_KEY] = "log_witness_key",
	[CUSTODY_LOG_WITNESS] = "log_witness",
	[CUSTODY_LOG_COSIGNATURE] = "log_cosignature",
	[CUSTODY_LOG_ENVIRONMENT] = "log_environment"
};

static const char *const sequence_names[CUSTODY_NUM_SEQUENCES] = {
	[CUSTODY_COMMIT_NUMBER] = "commit_number",
	[CUSTODY_RELATION_NUMBER] = "relation_number",
	[CUSTODY_VERSION_NUMBER] = "version_number",
	[CUSTODY_ENVIRONMENT_NUMBER] = "environment_number"
};

static const char *const index_names[CUSTODY_NUM_INDEXES] = {
	[CUSTODY_TRANSACTION_XACT_ID] = "log_transaction_xact_id_idx",
	[CUSTODY_CHUNK_PKEY] = "log_chunk_pkey",
	[CUSTODY_SUBTREE_PKEY] = "log_subtree_pkey",
	[CUSTODY_LEAF_PKEY] = "log_leaf_pkey",
	[CUSTODY_LEAF_TXN_NO] = "log_leaf_txn_no_key",
	[CUSTODY_LOOKUP_RUN] = "log_lookup_run_idx",
	[CUSTODY_BLOCK_PKEY] = "log_block_pkey",
	[CUSTODY_BLOCK_TREE_SIZE] = "log_block_tree_size_key",
	[CUSTODY_STATE_PKEY] = "log_state_pkey",
	[CUSTODY_EVENT_PKEY] = "log_event_pkey",
	[CUSTODY_TILE_PKEY] = "log_tile_pkey",
	[CUSTODY_CHECKPOINT_PKEY] = "log_checkpoint_pkey",
	[CUSTODY_ANCHOR_PKEY] = "log_anchor_pkey",
	[CUSTODY_INSPECTION_PKEY] = "log_inspection_pkey",
	[CUSTODY_RELATION_PKEY] = "log_relation_pkey",
	[CUSTODY_RELEASE_PKEY] = "log_release_pkey",
	[CUSTODY_SCHEMA_PKEY] = "log_schema_pkey",
	[CUSTODY_SCHEMA_RELATION_ID] = "log_schema_relation_id_idx",
	[CUSTODY_KEY_PKEY] = "log_key_pkey",
	[CUSTODY_INCARNATION_PKEY] = "log_incarnation_pkey",
	[CUSTODY_TRUSTED_LOG_PKEY] = "log_trusted_log_pkey",
	[CUSTODY_COSIGNED_PKEY] = "log_cosigned_pkey",
	[CUSTODY_WITNESS_KEY_PKEY] = "log_witness_key_pkey",
	[CUSTODY_WITNESS_PKEY] = "log_witness_pkey",
	[CUSTODY_COSIGNATURE_PKEY] = "log_cosignature_pkey",
	[CUSTODY_ENVIRONMENT_PKEY] = "log_environment_pkey"
};

/* OIDs known in this backend; valid only while cache_valid. */
static bool cache_valid = false;
static bool callback_registered = false;
static Oid	extension_oid;
static Oid	namespace_oid;
static Oid	rel_oids[CUSTODY_NUM_RELS];
static Oid	sequence_oids[CUSTODY_NUM_SEQUENCES];
static Oid	index_oids[CUSTODY_NUM_INDEXES];

static bool
is_cached(Oid relid)
{
	for (int i = 0; i < CUSTODY_NUM_RELS; i++)
		if (rel_oids[i] == relid)
			return true;
	return false;
}

/* Relcache callback: our relations may have been dropped. */
static void
invalidate(Datum arg, Oid relid)
{
	if (cache_valid && (relid == InvalidOid || is_cached(relid)))
		cache_valid = false;
}

/* Raise unless the installed scripts are of the library's version. */
static void
check_version(Oid extension)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		datum = heap_getattr(tuple, Anum_pg_extension_extversion,
										 RelationGetDescr(rel), &isnull);

		version = isnull ? NULL : TextDatumGetCString(datum);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	if (version == NULL || strcmp(version, PG_CUSTODY_VERSION) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_VERSION_MISMATCH),
				 errmsg("extension \"pg_custody\" has version %s, its library has version %s",
						version ? version : "none", PG_CUSTODY_VERSION),
				 errdetail("The database's objects and the installed library do not belong together."),
				 errhint("Run \"ALTER EXTENSION pg_custody UPDATE\", or install the library of version %s.",
						 version ? version : PG_CUSTODY_VERSION)));
}

static Oid
lookup_relation(const char *name)
{
	Oid			oid = get_relname_relid(name, namespace_oid);

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_NOT_INSTALLED),
				 errmsg("relation \"custody.%s\" does not exist", name),
				 errdetail("A part of extension \"pg_custody\" is missing."),
				 errhint("Restore the database from a backup; the ledger is not complete.")));
	return oid;
}

static void
load_cache(void)
{
	if (likely(cache_valid))
		return;
	if (!callback_registered)
	{
		CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
		callback_registered = true;
	}
	extension_oid = get_extension_oid("pg_custody", true);
	namespace_oid = get_namespace_oid("custody", true);
	if (!OidIsValid(extension_oid) || !OidIsValid(namespace_oid))
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_NOT_INSTALLED),
				 errmsg("extension \"pg_custody\" is not installed in this database"),
				 errdetail("The ledger's relations live in the extension's schema \"custody\"."),
				 errhint("Run \"CREATE EXTENSION pg_custody\".")));
	check_version(extension_oid);
	for (int i = 0; i < CUSTODY_NUM_RELS; i++)
		rel_oids[i] = lookup_relation(rel_names[i]);
	for (int i = 0; i < CUSTODY_NUM_SEQUENCES; i++)
		sequence_oids[i] = lookup_relation(sequence_names[i]);
	for (int i = 0; i < CUSTODY_NUM_INDEXES; i++)
		index_oids[i] = lookup_relation(index_names[i]);
	cache_valid = true;
}

bool
custody_catalog_installed(void)
{
	return OidIsValid(get_extension_oid("pg_custody", true)) &&
		OidIsValid(get_namespace_oid("custody", true));
}

Oid
custody_catalog_extension(void)
{
	load_cache();
	return extension_oid;
}

Oid
custody_catalog_relid(CustodyRel rel)
{
	load_cache();
	return rel_oids[rel];
}

Oid
custody_catalog_index(CustodyIndex index)
{
	load_cache();
	return index_oids[index];
}

bool
custody_catalog_is_ours(Oid relid)
{
	Oid			ours = get_namespace_oid("custody", true);

	return OidIsValid(ours) && get_rel_namespace(relid) == ours;
}

bool
custody_catalog_is_named(const char *text)
{
	if (text == NULL)
		return false;
	for (const char *p = text; *p != '\0'; p++)
		if (pg_strncasecmp(p, "custody", strlen("custody")) == 0)
			return true;
	for (int i = 0; i < CUSTODY_NUM_RELS; i++)
		if (strstr(text, rel_names[i]) != NULL)
			return true;
	return false;
}

int64
custody_catalog_nextval(CustodySequence sequence)
{
	load_cache();
	return nextval_internal(sequence_oids[sequence], false);
}

int64
custody_catalog_last_number(CustodySequence sequence)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		number;

	load_cache();
	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = ObjectIdGetDatum(sequence_oids[sequence]);
	fcinfo->args[0].isnull = false;
	number = pg_sequence_last_value(fcinfo);
	return fcinfo->isnull ? 0 : DatumGetInt64(number);
}

Oid
custody_catalog_trigger_function(const char *name)
{
	List	   *qualified = list_make2(makeString("custody"),
									   makeString(pstrdup(name)));

	return LookupFuncName(qualified, 0, NULL, false);
}

void
custody_catalog_insert(CustodyRel rel, Datum *values, bool *nulls)
{
	Relation	heap = table_open(custody_catalog_relid(rel), RowExclusiveLock);
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(heap), values, nulls);

	CatalogTupleInsert(heap, tuple);
	heap_freetuple(tuple);
	table_close(heap, NoLock);
}

/* What is no btree over plain columns is not ours and cannot be kept. */
static void
refuse_index(Relation heap, Relation index)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("index \"%s\" on ledger relation \"%s\" is not supported",
					RelationGetRelationName(index), RelationGetRelationName(heap)),
			 errdetail("Indexes on ledger relations must be btrees over plain columns."),
			 errhint("Drop the index.")));
}

void
custody_catalog_append_begin(CustodyAppend *append, CustodyRel rel)
{
	List	   *oids;
	ListCell   *lc;

	append->heap = table_open(custody_catalog_relid(rel), RowExclusiveLock);
	append->indexes = NIL;
	oids = RelationGetIndexList(append->heap);
	foreach(lc, oids)
	{
		Relation	index = index_open(lfirst_oid(lc), RowExclusiveLock);

		if (index->rd_rel->relam != BTREE_AM_OID ||
			!heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, NULL) ||
			!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
			refuse_index(append->heap, index);
		if (index->rd_index->indisready)
			append->indexes = lappend(append->indexes, index);
		else
			index_close(index, NoLock);
	}
	list_free(oids);
}

static void
append_index(CustodyAppend *append, Relation index, HeapTuple tuple,
			 Datum *values, bool *nulls)
{
	Datum		keys[CUSTODY_MAX_COLUMNS];
	bool		key_nulls[CUSTODY_MAX_COLUMNS];
	IndexInfo	info = {.type = T_IndexInfo};
	int			n = IndexRelationGetNumberOfAttributes(index);

	if (n > CUSTODY_MAX_COLUMNS)
		refuse_index(append->heap, index);
	for (int i = 0; i < n; i++)
	{
		int			column = index->rd_index->indkey.values[i] - 1;

		keys[i] = values[column];
		key_nulls[i] = nulls[column];
	}
	info.ii_NumIndexAttrs = n;
	info.ii_NumIndexKeyAttrs = IndexRelationGetNumberOfKeyAttributes(index);
	info.ii_Unique = index->rd_index->indisunique;
	info.ii_ReadyForInserts = true;
	info.ii_Am = index->rd_rel->relam;
	info.ii_Context = CurrentMemoryContext;
	(void) index_insert(index, keys, key_nulls, &tuple->t_self, append->heap,
						index->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
						false, &info);
}

void
custody_catalog_append(CustodyAppend *append, Datum *values, bool *nulls)
{
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(append->heap), values, nulls);
	ListCell   *lc;

	heap_insert(append->heap, tuple, GetCurrentCommandId(true), 0, NULL);
	foreach(lc, append->indexes)
		append_index(append, lfirst(lc), tuple, values, nulls);
	heap_freetuple(tuple);
}

void
custody_catalog_append_end(CustodyAppend *append)
{
	ListCell   *lc;

	foreach(lc, append->indexes)
		index_close((Relation) lfirst(lc), NoLock);
	list_free(append->indexes);
	table_close(append->heap, NoLock);
}

void
custody_catalog_scan_begin(CustodyScan *scan, CustodyRel rel,
						   CustodyIndex index, Snapshot snapshot,
						   ScanDirection direction, int nkeys, ScanKey keys)
{
	ScanKeyData copy[CUSTODY_MAX_COLUMNS];

	scan->heap = table_open(custody_catalog_relid(rel), AccessShareLock);
	scan->index = index_open(custody_catalog_index(index), AccessShareLock);
	/* PostgreSQL 15 rewrites the keys it is given: hand it a copy. */
	Assert(nkeys <= CUSTODY_MAX_COLUMNS);
	if (nkeys > 0)
		memcpy(copy, keys, nkeys * sizeof(ScanKeyData));
	scan->scan = systable_beginscan_ordered(scan->heap, scan->index, snapshot,
											nkeys, copy);
	scan->tuple = NULL;
	scan->direction = direction;
}

bool
custody_catalog_scan_next(CustodyScan *scan)
{
	scan->tuple = systable_getnext_ordered(scan->scan, scan->direction);
	return HeapTupleIsValid(scan->tuple);
}

void
custody_catalog_scan_end(CustodyScan *scan)
{
	systable_endscan_ordered(scan->scan);
	index_close(scan->index, AccessShareLock);
	table_close(scan->heap, AccessShareLock);
	scan->tuple = NULL;
}

Datum
custody_catalog_getattr(CustodyScan *scan, int attnum, bool *isnull)
{
	return heap_getattr(scan->tuple, attnum, RelationGetDescr(scan->heap),
						isnull);
}

Datum
custody_catalog_get(CustodyScan *scan, int attnum)
{
	bool		isnull;
	Datum		datum = custody_catalog_getattr(scan, attnum, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
				 errmsg("column %d of \"custody.%s\" is NULL",
						attnum, RelationGetRelationName(scan->heap)),
				 errdetail("The column's NOT NULL constraint was removed and the row altered."),
				 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
	return datum;
}

bytea *
custody_catalog_get_bytea(CustodyScan *scan, int attnum)
{
	return DatumGetByteaPCopy(custody_catalog_get(scan, attnum));
}

bytea *
custody_catalog_bytea(const void *data, Size len)
{
	bytea	   *b = palloc(VARHDRSZ + len);

	SET_VARSIZE(b, VARHDRSZ + len);
	if (data != NULL)
		memcpy(VARDATA(b), data, len);
	return b;
}

void
custody_catalog_key_int8(ScanKey key, int column, StrategyNumber strategy,
						 int64 value)
{
	static const RegProcedure procs[BTMaxStrategyNumber + 1] = {
		[BTLessStrategyNumber] = F_INT8LT,
		[BTLessEqualStrategyNumber] = F_INT8LE,
		[BTEqualStrategyNumber] = F_INT8EQ,
		[BTGreaterEqualStrategyNumber] = F_INT8GE,
		[BTGreaterStrategyNumber] = F_INT8GT
	};

	ScanKeyInit(key, column, strategy, procs[strategy], Int64GetDatum(value));
}

void
custody_catalog_key_int4(ScanKey key, int column, StrategyNumber strategy,
						 int32 value)
{
	static const RegProcedure procs[BTMaxStrategyNumber + 1] = {
		[BTLessStrategyNumber] = F_INT4LT,
		[BTLessEqualStrategyNumber] = F_INT4LE,
		[BTEqualStrategyNumber] = F_INT4EQ,
		[BTGreaterEqualStrategyNumber] = F_INT4GE,
		[BTGreaterStrategyNumber] = F_INT4GT
	};

	ScanKeyInit(key, column, strategy, procs[strategy], Int32GetDatum(value));
}

void
custody_catalog_key_text(ScanKey key, int column, const char *value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(value));
}
