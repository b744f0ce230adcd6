/*
 * coverage.c
 *	  SQL: coverage(), every user table and whether it is protected.
 *
 * A table whose capture is switched off is shown as such: this is what an
 * auditor compares with what the hospital says it protects.  Partitions are
 * shown through their root, unless one is protected on its own.
 *
 * Entries are counted by one pass over the ledger.  Locks: AccessShareLock on
 * each table while it is looked at; a table dropped meanwhile is left out.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "core/chunk.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/coverage.h"
#include "pg/layout.h"

#define ROW_TRIGGER_EVENTS \
	(TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE)
#define ALL_EVENTS (ROW_TRIGGER_EVENTS | TRIGGER_TYPE_TRUNCATE)

/* Entries recorded under one relation number. */
typedef struct EntryCount
{
	uint32		relation_id;	/* hash key */
	int64		entries;
} EntryCount;

/* Row-level events that a trigger of ours captures whatever happens. */
static int
captured_events(const Trigger *trigger, Oid row_function, Oid truncate_function)
{
	if (trigger->tgenabled != TRIGGER_FIRES_ALWAYS || trigger->tgqual != NULL ||
		trigger->tgnattr != 0)
		return 0;
	if (trigger->tgfoid == row_function && TRIGGER_FOR_ROW(trigger->tgtype) &&
		TRIGGER_FOR_AFTER(trigger->tgtype))
		return trigger->tgtype & ROW_TRIGGER_EVENTS;
	if (trigger->tgfoid == truncate_function)
		return trigger->tgtype & TRIGGER_TYPE_TRUNCATE;
	return 0;
}

static bool
leaf_captures(Oid leaf, Oid row_function, Oid truncate_function)
{
	Relation	rel = try_table_open(leaf, AccessShareLock);
	int			events = 0;

	if (rel == NULL)
		return false;
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
		events |= captured_events(&rel->trigdesc->triggers[i], row_function,
								  truncate_function);
	table_close(rel, AccessShareLock);
	return events == ALL_EVENTS;
}

bool
custody_coverage_capturing(Oid relid)
{
	Oid			row_function = custody_catalog_trigger_function("capture");
	Oid			truncate_function = custody_catalog_trigger_function("capture_truncate");
	ListCell   *lc;

	foreach(lc, custody_schema_leaves(relid, NoLock))
		if (!leaf_captures(lfirst_oid(lc), row_function, truncate_function))
			return false;
	return true;
}

/* Add a chunk's row-level entries to the counts. */
static void
count_chunk(HTAB *counts, const bytea *entries)
{
	cc_chunk	chunk;
	cc_stored	stored;

	cc_chunk_init(&chunk, VARDATA_ANY(entries), VARSIZE_ANY_EXHDR(entries));
	while (cc_chunk_next(&chunk, &stored))
	{
		uint32		relation_id = stored.relation;
		EntryCount *count;
		bool		found;

		if (!cc_kind_is_row(stored.kind))
			continue;
		count = hash_search(counts, &relation_id, HASH_ENTER, &found);
		count->entries = found ? count->entries + 1 : 1;
	}
}

/* Count the entries in a column of a relation. */
static void
count_relation(HTAB *counts, CustodyRel rel, CustodyIndex index, int column)
{
	CustodyScan scan;

	custody_catalog_scan_begin(&scan, rel, index, GetActiveSnapshot(),
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		bytea	   *entries = custody_catalog_get_bytea(&scan, column);

		CHECK_FOR_INTERRUPTS();
		count_chunk(counts, entries);
		pfree(entries);
	}
	custody_catalog_scan_end(&scan);
}

static HTAB *
count_entries(void)
{
	HASHCTL		ctl = {0};
	HTAB	   *counts;

	ctl.keysize = sizeof(uint32);
	ctl.entrysize = sizeof(EntryCount);
	ctl.hcxt = CurrentMemoryContext;
	counts = hash_create("custody entry counts", 64, &ctl,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	count_relation(counts, CUSTODY_LOG_CHUNK, CUSTODY_CHUNK_PKEY, Anum_chunk_entries);
	count_relation(counts, CUSTODY_LOG_TRANSACTION, CUSTODY_TRANSACTION_XACT_ID,
				   Anum_transaction_entries);
	return counts;
}

/* All protections a table ever had. */
typedef struct TableRecord
{
	CustodyProtection *live;	/* NULL = none */
	bool		ended;
	int64		entries;
} TableRecord;

static TableRecord
look_up(CustodyLayouts *layouts, HTAB *counts, Oid relid)
{
	TableRecord record = {0};
	ListCell   *lc;

	foreach(lc, layouts->protections)
	{
		CustodyProtection *p = lfirst(lc);
		EntryCount *count;

		if (p->relid != relid)
			continue;
		count = hash_search(counts, &p->relation_id, HASH_FIND, NULL);
		record.entries += count == NULL ? 0 : count->entries;
		if (p->released)
			record.ended = true;
		else
			record.live = p;
	}
	return record;
}

static void
add_note(StringInfo notes, const char *note)
{
	if (notes->len > 0)
		appendStringInfoString(notes, "; ");
	appendStringInfoString(notes, note);
}

/* Has the table a column that may name large objects which are not recorded? */
static bool
has_other_objects(Oid relid, const CustodyProtection *p)
{
	Relation	rel = try_table_open(relid, AccessShareLock);
	int			named = 0;
	int			recorded = 0;

	if (rel == NULL)
		return false;
	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);

		if (custody_canonical_names_object(att))
			named++;
	}
	if (p != NULL)
		recorded = custody_canonical_contents(custody_schema_renderer(rel, p));
	table_close(rel, AccessShareLock);
	return named > recorded;
}

static bool
has_foreign_partition(Oid relid)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			return true;
	return false;
}

/* Was the table made a child of a protected table after that was protected? */
static bool
inherits_protected(Oid relid)
{
	Relation	rel = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			parent = ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent;

		found = custody_schema_protection(parent, GetActiveSnapshot()) != NULL ||
			inherits_protected(parent);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

static char *
make_note(CustodyLayouts *layouts, Form_pg_class class, const TableRecord *record,
		  bool capturing)
{
	StringInfoData notes;

	initStringInfo(&notes);
	if (record->live == NULL && record->ended)
		add_note(&notes, "protection ended");
	if (record->live == NULL && !class->relispartition &&
		inherits_protected(class->oid))
		add_note(&notes, "inherits from a protected table");
	if (record->live != NULL)
	{
		CustodyLayout *newest = custody_layouts_select(layouts, class->oid);

		if (!capturing)
			add_note(&notes, "capture is switched off");
		if (newest != NULL && newest->decoded->schema.key_kind == CC_KEY_WHOLE_ROW)
			add_note(&notes, "no key: identical rows are counted");
	}
	if (class->relpersistence == RELPERSISTENCE_UNLOGGED)
		add_note(&notes, "unlogged: a crash empties it");
	if (has_other_objects(class->oid, record->live))
		add_note(&notes, "large objects are not captured");
	if (has_foreign_partition(class->oid))
		add_note(&notes, "foreign tables are not captured");
	return notes.len > 0 ? notes.data : NULL;
}

/* Estimated rows of the table with its partitions; -1 = not known. */
static double
estimate_rows(Form_pg_class class)
{
	double		rows = 0;
	ListCell   *lc;

	if (class->relkind == RELKIND_RELATION)
		return class->reltuples;
	foreach(lc, custody_schema_leaves(class->oid, NoLock))
	{
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		if (((Form_pg_class) GETSTRUCT(tuple))->reltuples < 0)
			rows = -1;
		else if (rows >= 0)
			rows += ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
		ReleaseSysCache(tuple);
	}
	return rows;
}

static void
put_table(ReturnSetInfo *rsinfo, CustodyLayouts *layouts, HTAB *counts,
		  Form_pg_class class)
{
	TableRecord record = look_up(layouts, counts, class->oid);
	bool		capturing = record.live != NULL &&
		custody_coverage_capturing(class->oid);
	double		rows = estimate_rows(class);
	char	   *note = make_note(layouts, class, &record, capturing);
	Datum		values[7];
	bool		nulls[7] = {0};
	NameData	subject;

	values[0] = ObjectIdGetDatum(class->oid);
	values[1] = BoolGetDatum(record.live != NULL);
	values[2] = BoolGetDatum(capturing);
	nulls[3] = rows < 0;
	values[3] = Int64GetDatum((int64) rows);
	values[4] = Int64GetDatum(record.entries);
	nulls[5] = record.live == NULL || record.live->subject == NULL;
	if (!nulls[5])
	{
		namestrcpy(&subject, record.live->subject);
		values[5] = NameGetDatum(&subject);
	}
	nulls[6] = note == NULL;
	if (note != NULL)
		values[6] = CStringGetTextDatum(note);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static bool
is_user_table(Form_pg_class class, Oid information_schema)
{
	if (class->relkind != RELKIND_RELATION &&
		class->relkind != RELKIND_PARTITIONED_TABLE)
		return false;
	return class->relpersistence != RELPERSISTENCE_TEMP &&
		class->relnamespace != PG_CATALOG_NAMESPACE &&
		class->relnamespace != PG_TOAST_NAMESPACE &&
		class->relnamespace != information_schema &&
		!custody_catalog_is_ours(class->oid);
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	Form_pg_class x = lfirst(a);
	Form_pg_class y = lfirst(b);
	int			order = 0;

	if (x->relnamespace != y->relnamespace)
		order = strcmp(get_namespace_name(x->relnamespace),
					   get_namespace_name(y->relnamespace));
	return order != 0 ? order : strcmp(NameStr(x->relname), NameStr(y->relname));
}

/* Copies of pg_class rows, in order of schema and name. */
static List *
user_tables(void)
{
	Oid			information_schema = get_namespace_oid("information_schema", true);
	Relation	classes = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(classes, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);

		if (is_user_table(class, information_schema))
			result = lappend(result, memcpy(palloc(CLASS_TUPLE_SIZE), class,
											CLASS_TUPLE_SIZE));
	}
	systable_endscan(scan);
	table_close(classes, AccessShareLock);
	list_sort(result, compare_names);
	return result;
}

/* Is the table protected by a protection of its own? */
static bool
has_own_protection(CustodyLayouts *layouts, Oid relid)
{
	ListCell   *lc;

	foreach(lc, layouts->protections)
	{
		CustodyProtection *p = lfirst(lc);

		if (p->relid == relid && !p->released)
			return true;
	}
	return false;
}

PG_FUNCTION_INFO_V1(custody_sql_coverage);
Datum
custody_sql_coverage(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CustodyLayouts *layouts;
	HTAB	   *counts;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	layouts = custody_layouts_load(GetActiveSnapshot(), true);
	counts = count_entries();
	foreach(lc, user_tables())
	{
		Form_pg_class class = lfirst(lc);

		if (!class->relispartition || has_own_protection(layouts, class->oid))
			put_table(rsinfo, layouts, counts, class);
	}
	return (Datum) 0;
}
