/*
 * ddl.c
 *	  Schema changes of protected tables: the event triggers.
 *
 * After each DDL command the protected tables it touched are brought in line:
 * a changed layout becomes a schema version; a new partition is captured and
 * recorded; a partition that left, or a table that was dropped, leaves an
 * event.  Where old entries do not say what the rows now read (a retyped or
 * renamed column, a default computed per row), the rows are recorded anew.
 *
 * The command holds the locks that matter: DDL on a table conflicts with
 * writers to it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "pg/append.h"
#include "pg/baseline.h"
#include "pg/capture.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/ddl.h"
#include "pg/error.h"
#include "pg/protect.h"
#include "pg/relstate.h"
#include "pg/schema.h"
#include "pg/trigger.h"

/* A table that a DDL command dropped. */
typedef struct DroppedTable
{
	Oid			relid;
	char	   *schema;
	char	   *table;
} DroppedTable;

/* Newest version recorded for a leaf before this command, NULL if none. */
static CustodyVersion *
last_version(uint32 relation_id, Oid leaf)
{
	CustodyScan scan;
	ScanKeyData key;
	uint32		newest = 0;

	custody_catalog_key_int4(&key, Anum_schema_relation_id,
							 BTEqualStrategyNumber, (int32) relation_id);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_SCHEMA,
							   CUSTODY_SCHEMA_RELATION_ID, SnapshotSelf,
							   ForwardScanDirection, 1, &key);
	while (custody_catalog_scan_next(&scan))
	{
		if (DatumGetObjectId(custody_catalog_get(&scan, Anum_schema_leaf)) == leaf)
			newest = Max(newest, DatumGetUInt32(custody_catalog_get(&scan, Anum_schema_version)));
	}
	custody_catalog_scan_end(&scan);
	return newest == 0 ? NULL : custody_schema_load(newest, SnapshotSelf, false);
}

static bool
same_text(cc_slice a, cc_slice b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static const cc_column *
find_column(const cc_schema *s, cc_slice name)
{
	for (int i = 0; i < s->ncolumns; i++)
		if (same_text(s->columns[i].name, name))
			return &s->columns[i];
	return NULL;
}

/* Is there a column in a that is not in b? */
static bool
has_extra_column(const cc_schema *a, const cc_schema *b)
{
	for (int i = 0; i < a->ncolumns; i++)
		if (find_column(b, a->columns[i].name) == NULL)
			return true;
	return false;
}

/* Has the live column of that name a default that was computed per row? */
static bool
computed_default(Relation leaf, const cc_column *column)
{
	TupleDesc	desc = RelationGetDescr(leaf);

	if (column->flags & CC_COLUMN_HAS_MISSING)
		return false;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped &&
			strlen(NameStr(att->attname)) == column->name.len &&
			memcmp(NameStr(att->attname), column->name.data, column->name.len) == 0)
			return att->atthasdef || att->attidentity != '\0' ||
				get_typdefault(att->atttypid) != NULL;
	}
	return true;
}

/* Are the key columns others than before? */
static bool
key_differs(const cc_schema *a, const cc_schema *b)
{
	if (a->key_kind != b->key_kind || a->nkeys != b->nkeys)
		return true;
	for (int i = 0; i < a->nkeys; i++)
		if (!same_text(a->columns[a->key_positions[i]].name,
					   b->columns[b->key_positions[i]].name))
			return true;
	return false;
}

/* Do old entries no longer say what the rows of the new layout read? */
static bool
needs_new_baseline(Relation leaf, const cc_schema *old, const cc_schema *new)
{
	bool		renamed = has_extra_column(old, new) && has_extra_column(new, old);

	if (renamed || key_differs(old, new))
		return true;
	for (int i = 0; i < new->ncolumns; i++)
	{
		const cc_column *column = &new->columns[i];
		const cc_column *before = find_column(old, column->name);

		if (before != NULL ? !same_text(before->type, column->type)
			: computed_default(leaf, column))
			return true;
	}
	/* Without a key the whole row is the key, so any new layout is a new key. */
	return new->key_kind == CC_KEY_WHOLE_ROW && old->ncolumns != new->ncolumns;
}

static void
append_gone(uint32 relation_id, uint32 version, uint64 rows)
{
	uint8		body[8];

	cc_store_u64(body, rows);
	custody_append_event(CC_KIND_DETACH, relation_id, version, body, sizeof(body));
}

/* The rows of a leaf read otherwise than their entries say: record them anew. */
static void
record_anew(uint32 relation_id, uint32 version, Relation leaf)
{
	append_gone(relation_id, version, custody_capture_count(leaf));
	(void) custody_baseline_record(leaf);
}

/* Can the command have made a partition of a table? */
static bool
attaches_partition(Node *command)
{
	ListCell   *lc;

	if (IsA(command, CreateStmt))
		return true;
	if (!IsA(command, AlterTableStmt))
		return false;
	foreach(lc, ((AlterTableStmt *) command)->cmds)
		if (lfirst_node(AlterTableCmd, lc)->subtype == AT_AttachPartition)
			return true;
	return false;
}

/*
 * Bring one leaf of a protected root in line.  A leaf without its row trigger
 * is left alone: a restore is putting the table together, or somebody has
 * switched capture off, which is for verify() to say.
 */
static void
sync_leaf(const CustodyProtection *p, Oid relid, bool attaching)
{
	CustodyVersion *before = last_version(p->relation_id, relid);
	bool		attached = attaching &&
		!custody_trigger_exists(relid, CUSTODY_TRUNCATE_TRIGGER);
	Relation	leaf;
	CustodyRelState *state;

	if (!custody_trigger_exists(relid, CUSTODY_ROW_TRIGGER))
		return;
	if (attached)
		custody_trigger_make_truncate(relid);
	leaf = table_open(relid, AccessShareLock);
	state = custody_relstate_get(leaf);
	if (before == NULL || attached)
		(void) custody_baseline_record(leaf);
	else if (state->version != before->version &&
			 needs_new_baseline(leaf, &before->schema, &state->layout->schema))
		record_anew(p->relation_id, before->version, leaf);
	table_close(leaf, NoLock);
}

/* A former leaf that carries our truncate trigger but has left its root. */
static void
sync_detached(List *protections, Oid relid)
{
	ListCell   *lc;

	if (!custody_trigger_exists(relid, CUSTODY_TRUNCATE_TRIGGER) ||
		custody_trigger_exists(relid, CUSTODY_ROW_TRIGGER))
		return;
	foreach(lc, protections)
	{
		CustodyProtection *p = lfirst(lc);
		CustodyVersion *version;
		Relation	leaf;

		if (p->released || p->relid == relid)
			continue;
		version = last_version(p->relation_id, relid);
		if (version == NULL)
			continue;
		leaf = table_open(relid, AccessShareLock);
		append_gone(p->relation_id, version->version, custody_capture_count(leaf));
		table_close(leaf, NoLock);
		custody_trigger_drop(relid, CUSTODY_TRUNCATE_TRIGGER);
		return;
	}
}

static CustodyProtection *
find_protection(List *protections, Oid relid)
{
	CustodyProtection *found = NULL;
	ListCell   *lc;

	foreach(lc, protections)
	{
		CustodyProtection *p = lfirst(lc);

		if (!p->released && p->relid == relid)
			found = p;
	}
	return found;
}

/* Bring everything the command may have changed around relid in line. */
static void
sync_table(List *protections, Oid relid, bool attaching)
{
	CustodyProtection *p = find_protection(protections,
										   custody_schema_root(relid));
	ListCell   *lc;

	if (p == NULL)
	{
		if (get_rel_relkind(relid) == RELKIND_RELATION)
			sync_detached(protections, relid);
		return;
	}
	foreach(lc, custody_schema_leaves(p->relid, AccessShareLock))
		sync_leaf(p, lfirst_oid(lc), attaching);
	/* Commands on a table reach its inheritance children unnamed. */
	if (get_rel_relkind(relid) == RELKIND_RELATION && has_subclass(relid))
	{
		foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
		{
			CustodyProtection *child = find_protection(protections, lfirst_oid(lc));

			if (child != NULL && child != p)
				sync_leaf(child, child->relid, attaching);
		}
	}
	/* DETACH names the parent: look at its former leaves, too. */
	if (get_rel_relkind(p->relid) == RELKIND_PARTITIONED_TABLE)
	{
		List	   *former = NIL;
		CustodyScan scan;
		ScanKeyData key;

		custody_catalog_key_int4(&key, Anum_schema_relation_id,
								 BTEqualStrategyNumber, (int32) p->relation_id);
		custody_catalog_scan_begin(&scan, CUSTODY_LOG_SCHEMA,
								   CUSTODY_SCHEMA_RELATION_ID, SnapshotSelf,
								   ForwardScanDirection, 1, &key);
		while (custody_catalog_scan_next(&scan))
			former = list_append_unique_oid(former,
											DatumGetObjectId(custody_catalog_get(&scan, Anum_schema_leaf)));
		custody_catalog_scan_end(&scan);
		foreach(lc, former)
			if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION &&
				custody_schema_root(lfirst_oid(lc)) != p->relid)
				sync_detached(protections, lfirst_oid(lc));
	}
}

/*
 * What the command touched, temporary objects left out; list of
 * CustodyTouched * in the caller's context.
 */
static List *
touched_objects(void)
{
	List	   *result = NIL;
	MemoryContext caller = CurrentMemoryContext;

	SPI_connect();
	if (SPI_execute("SELECT classid, objid FROM pg_catalog.pg_event_trigger_ddl_commands()"
					" WHERE objid IS NOT NULL"
					" AND (schema_name OPERATOR(pg_catalog.<>) 'pg_temp') IS NOT FALSE",
					false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the DDL commands");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		MemoryContext old = MemoryContextSwitchTo(caller);
		CustodyTouched *t = palloc(sizeof(CustodyTouched));

		t->classid = DatumGetObjectId(SPI_getbinval(row, desc, 1, &isnull));
		t->objid = DatumGetObjectId(SPI_getbinval(row, desc, 2, &isnull));
		result = lappend(result, t);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return result;
}

/*
 * Tables that a DDL command dropped or took a column from; list of
 * DroppedTable * in the caller's context.
 */
static List *
dropped_tables(bool columns)
{
	List	   *result = NIL;
	MemoryContext caller = CurrentMemoryContext;
	char	   *query = psprintf("SELECT objid, schema_name, object_name"
								 " FROM pg_catalog.pg_event_trigger_dropped_objects()"
								 " WHERE object_type OPERATOR(pg_catalog.=) '%s'"
								 " AND NOT is_temporary",
								 columns ? "table column" : "table");

	SPI_connect();
	if (SPI_execute(query, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the dropped objects");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		Oid			relid = DatumGetObjectId(SPI_getbinval(row, desc, 1, &isnull));
		MemoryContext old = MemoryContextSwitchTo(caller);
		DroppedTable *d = palloc0(sizeof(DroppedTable));

		d->relid = relid;
		if (!columns)
		{
			d->schema = pstrdup(SPI_getvalue(row, desc, 2));
			d->table = pstrdup(SPI_getvalue(row, desc, 3));
		}
		result = lappend(result, d);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return result;
}

/* Is a value of one type made of values of another? */
static bool
type_uses(Oid type, Oid used)
{
	Oid			part;
	bool		result = false;

	check_stack_depth();
	if (type == used)
		return true;
	part = getBaseType(type);
	if (part == type)
		part = get_element_type(type);
	if (!OidIsValid(part))
		part = get_range_subtype(type);
	if (!OidIsValid(part))
		part = get_multirange_range(type);
	if (OidIsValid(part))
		return type_uses(part, used);
	if (get_typtype(type) == TYPTYPE_COMPOSITE)
	{
		TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);

		for (int i = 0; i < desc->natts && !result; i++)
			result = !TupleDescAttr(desc, i)->attisdropped &&
				type_uses(TupleDescAttr(desc, i)->atttypid, used);
		ReleaseTupleDesc(desc);
	}
	return result;
}

/*
 * The text of a type's values changed under the rows that hold them: a label
 * of an enum was renamed, or the attributes of a composite type changed.
 */
static void
sync_type(List *protections, Oid type)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, protections)
	{
		CustodyProtection *p = lfirst(lc);

		if (p->released)
			continue;
		foreach(lc2, custody_schema_leaves(p->relid, AccessShareLock))
		{
			Relation	leaf = table_open(lfirst_oid(lc2), AccessShareLock);
			TupleDesc	desc = RelationGetDescr(leaf);
			bool		uses = false;

			for (int i = 0; i < desc->natts && !uses; i++)
				uses = custody_compat_is_stored(TupleDescAttr(desc, i)) &&
					type_uses(TupleDescAttr(desc, i)->atttypid, type);
			if (uses)
			{
				/* Unlike a command on the table, this one holds no lock. */
				LockRelationOid(RelationGetRelid(leaf), ShareRowExclusiveLock);
				record_anew(p->relation_id, custody_relstate_get(leaf)->version,
							leaf);
			}
			table_close(leaf, NoLock);
		}
	}
}

/* Bring in line what one touched object means for protected tables. */
static void
sync_object(List *protections, const CustodyTouched *t, Node *command)
{
	char		relkind = '\0';
	ListCell   *lc;

	if (t->classid == RelationRelationId)
		relkind = get_rel_relkind(t->objid);
	if (relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE)
		sync_table(protections, t->objid, attaches_partition(command));
	else if (relkind == RELKIND_COMPOSITE_TYPE)
		sync_type(protections, get_rel_type_id(t->objid));
	else if (t->classid == TypeRelationId && IsA(command, AlterEnumStmt) &&
			 ((AlterEnumStmt *) command)->oldVal != NULL)
		sync_type(protections, t->objid);
	else if ((t->classid == TypeRelationId || t->classid == NamespaceRelationId) &&
			 (IsA(command, RenameStmt) || IsA(command, AlterObjectSchemaStmt)))
	{
		/* A new name stands in the definitions of tables not named here. */
		foreach(lc, protections)
		{
			CustodyProtection *p = lfirst(lc);
			ListCell   *lc2;

			if (p->released)
				continue;
			foreach(lc2, custody_schema_leaves(p->relid, AccessShareLock))
				custody_relstate_invalidate(lfirst_oid(lc2));
			sync_table(protections, p->relid, false);
		}
	}
}

static bool
names_column(const CustodyProtection *p, const char *column)
{
	ListCell   *lc;

	foreach(lc, p->large_objects)
		if (strcmp(lfirst(lc), column) == 0)
			return true;
	return p->subject != NULL && strcmp(p->subject, column) == 0;
}

/*
 * A column that the protection names was renamed: protect the table anew under
 * the new name.  Its rows are recorded anew anyway.
 */
static bool
renew_protections(List *protections, const CustodyTouched *t, const RenameStmt *rename)
{
	bool		renewed = false;
	ListCell   *lc;

	if (t->classid != RelationRelationId)
		return false;
	foreach(lc, find_all_inheritors(t->objid, AccessShareLock, NULL))
	{
		CustodyProtection *p = find_protection(protections, lfirst_oid(lc));

		CustodyRenaming renaming = {rename->subname, rename->newname};

		if (p == NULL || !names_column(p, rename->subname))
			continue;
		custody_protect_renew(p, &renaming);
		renewed = true;
	}
	return renewed;
}

static void
sync_touched(List *touched, Node *command)
{
	List	   *protections = custody_schema_protections(SnapshotSelf);
	bool		renewed = false;
	ListCell   *lc;

	if (IsA(command, RenameStmt) &&
		((RenameStmt *) command)->renameType == OBJECT_COLUMN)
	{
		foreach(lc, touched)
			renewed |= renew_protections(protections, lfirst(lc), (RenameStmt *) command);
	}
	if (renewed)
		protections = custody_schema_protections(SnapshotSelf);
	foreach(lc, touched)
		sync_object(protections, lfirst(lc), command);
}

/* A table is gone: end its protection, or note that its partition left. */
static void
note_dropped(List *protections, const DroppedTable *d)
{
	CustodyProtection *own = find_protection(protections, d->relid);
	ListCell   *lc;

	if (own != NULL)
	{
		custody_protect_release(own, d->schema, d->table, "table dropped");
		own->released = true;
		return;
	}
	foreach(lc, protections)
	{
		CustodyProtection *p = lfirst(lc);
		CustodyVersion *version = p->released ? NULL :
			last_version(p->relation_id, d->relid);

		/* Nobody can count the rows of a table that is gone. */
		if (version != NULL)
			append_gone(p->relation_id, version->version, 0);
	}
}

PG_FUNCTION_INFO_V1(custody_sql_capture_ddl);
Datum
custody_sql_capture_ddl(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = (EventTriggerData *) fcinfo->context;
	List	   *touched;
	List	   *tables;
	List	   *columns;
	List	   *protections = NIL;
	ListCell   *lc;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("custody.capture_ddl() cannot be called by hand"),
				 errdetail("It serves the extension's event triggers."),
				 errhint("Run the DDL command; it is recorded by itself.")));
	/* Our own triggers, DROP EXTENSION pg_custody itself, its installation. */
	if (custody_trigger_running_ddl() || !custody_catalog_installed())
		PG_RETURN_NULL();
	/* Applications make temporary tables all day: look at nothing for them. */
	if (strcmp(data->event, "sql_drop") != 0)
	{
		touched = touched_objects();
		if (touched != NIL)
			sync_touched(touched, data->parsetree);
		custody_ddl_note_touched(touched, data->parsetree);
		PG_RETURN_NULL();
	}
	tables = dropped_tables(false);
	columns = dropped_tables(true);
	if (tables != NIL || columns != NIL)
		protections = custody_schema_protections(SnapshotSelf);
	foreach(lc, tables)
		note_dropped(protections, lfirst(lc));
	foreach(lc, columns)
		sync_table(protections, ((DroppedTable *) lfirst(lc))->relid, false);
	custody_ddl_note_dropped();
	PG_RETURN_NULL();
}
