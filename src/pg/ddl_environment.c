/*
 * ddl_environment.c
 *	  After a DDL command: which tables, functions and types may read otherwise
 *	  now, so that the difference is recorded in the command's own transaction.
 *
 * What is overlooked here is recorded by the sealer, without a name.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/catalog.h"
#include "pg/ddl.h"
#include "pg/environment.h"
#include "pg/schema.h"

/* What is to be looked at. */
typedef struct Note
{
	List	   *protections;
	CustodyNote what;
} Note;

static bool
is_protected(const Note *n, Oid relid)
{
	ListCell   *lc;

	foreach(lc, n->protections)
	{
		CustodyProtection *p = lfirst(lc);

		if (!p->released && p->relid == relid)
			return true;
	}
	return false;
}

/* Tables with a foreign key to one of these. */
static void
add_referencing(Note *n, List *family)
{
	Relation	rel = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		if (form->contype == CONSTRAINT_FOREIGN && list_member_oid(family, form->confrelid) &&
			is_protected(n, custody_schema_root(form->conrelid)))
			n->what.tables = list_append_unique_oid(n->what.tables, form->conrelid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* A protected table with all that belongs to it. */
static void
add_family(Note *n, Oid root)
{
	List	   *family;

	if (!is_protected(n, root) || list_member_oid(n->what.tables, root))
		return;
	family = get_rel_relkind(root) == RELKIND_PARTITIONED_TABLE ?
		find_all_inheritors(root, NoLock, NULL) : list_make1_oid(root);
	n->what.tables = list_concat_unique_oid(n->what.tables, family);
	add_referencing(n, family);
}

static void
add_parents(Note *n, Oid relid)
{
	Relation	rel = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		add_family(n, custody_schema_root(((Form_pg_inherits) GETSTRUCT(tuple))->inhparent));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static void
add_table(Note *n, Oid relid)
{
	ListCell   *lc;

	if (!OidIsValid(relid))
		return;
	if (custody_catalog_is_ours(relid))
	{
		n->what.tables = list_append_unique_oid(n->what.tables, relid);
		return;
	}
	add_family(n, custody_schema_root(relid));
	add_parents(n, relid);
	if (!has_subclass(relid))
		return;
	/* Commands on a table reach its inheritance children. */
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		add_family(n, lfirst_oid(lc));
}

/* The table that an object belongs to, by a column of its row. */
static void
add_owner(Note *n, const CustodyTouched *t, AttrNumber attnum)
{
	Relation	rel = table_open(t->classid, AccessShareLock);
	HeapTuple	tuple = get_catalog_object_by_oid(rel, get_object_attnum_oid(t->classid), t->objid);
	bool		isnull;

	if (HeapTupleIsValid(tuple))
		add_table(n, DatumGetObjectId(heap_getattr(tuple, attnum, RelationGetDescr(rel), &isnull)));
	table_close(rel, AccessShareLock);
}

static void
add_relation(Note *n, Oid relid)
{
	char		relkind = get_rel_relkind(relid);

	if (relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX)
		add_table(n, IndexGetRelation(relid, true));
	else if (relkind == RELKIND_COMPOSITE_TYPE)
		n->what.types = list_append_unique_oid(n->what.types, get_rel_type_id(relid));
	else if (relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
			 custody_catalog_is_ours(relid))
		add_table(n, relid);
}

static void
add_object(Note *n, const CustodyTouched *t)
{
	switch (t->classid)
	{
		case RelationRelationId:
			add_relation(n, t->objid);
			break;
		case TriggerRelationId:
			add_owner(n, t, Anum_pg_trigger_tgrelid);
			break;
		case PolicyRelationId:
			add_owner(n, t, Anum_pg_policy_polrelid);
			break;
		case RewriteRelationId:
			add_owner(n, t, Anum_pg_rewrite_ev_class);
			break;
		case ConstraintRelationId:
			add_owner(n, t, Anum_pg_constraint_conrelid);
			break;
		case AttrDefaultRelationId:
			add_owner(n, t, Anum_pg_attrdef_adrelid);
			break;
		case ProcedureRelationId:
			n->what.functions = list_append_unique_oid(n->what.functions, t->objid);
			break;
		case TypeRelationId:
			n->what.types = list_append_unique_oid(n->what.types, t->objid);
			break;
		case NamespaceRelationId:
			n->what.everything = true;
			break;
		default:
			break;
	}
}

/* GRANT and REVOKE do not say what they touched. */
static bool
names_relations(const GrantStmt *grant)
{
	return (grant->objtype == OBJECT_TABLE || grant->objtype == OBJECT_SEQUENCE) &&
		grant->targtype == ACL_TARGET_OBJECT;
}

/* Is it about anything but temporary objects?  Looks at none of our tables. */
static bool
grants_lasting(const GrantStmt *grant)
{
	ListCell   *lc;

	if (!names_relations(grant))
		return true;
	foreach(lc, grant->objects)
	{
		Oid			relid = RangeVarGetRelid(lfirst_node(RangeVar, lc), NoLock, true);

		if (OidIsValid(relid) && get_rel_persistence(relid) != RELPERSISTENCE_TEMP)
			return true;
	}
	return false;
}

static void
add_granted(Note *n, const GrantStmt *grant)
{
	ListCell   *lc;

	if (!names_relations(grant))
	{
		n->what.everything = true;
		return;
	}
	foreach(lc, grant->objects)
		add_relation(n, RangeVarGetRelid(lfirst_node(RangeVar, lc), NoLock, true));
}

/* A partition that left a protected table has lost its triggers. */
static void
add_former_partition(Note *n, const PartitionCmd *cmd)
{
	Oid			relid = RangeVarGetRelid(cmd->name, NoLock, true);

	if (OidIsValid(relid))
		n->what.tables = list_append_unique_oid(n->what.tables, relid);
}

/* The other table that a command on inheritance concerns is not named otherwise. */
static void
add_former_relatives(Note *n, const AlterTableStmt *alter)
{
	ListCell   *lc;

	foreach(lc, alter->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_DropInherit && IsA(cmd->def, RangeVar))
			add_table(n, RangeVarGetRelid((RangeVar *) cmd->def, NoLock, true));
		else if (cmd->subtype == AT_DetachPartition)
			add_former_partition(n, (PartitionCmd *) cmd->def);
	}
}

static void
note_begin(Note *n)
{
	memset(n, 0, sizeof(*n));
	n->protections = custody_schema_protections(SnapshotSelf);
}

static void
note_end(const Note *n)
{
	const CustodyNote *what = &n->what;

	if (what->everything || what->tables != NIL || what->functions != NIL ||
		what->types != NIL || what->dropped != NIL)
		custody_environment_note(what);
}

void
custody_ddl_note_touched(List *touched, Node *command)
{
	Note		n;
	ListCell   *lc;

	if (touched == NIL && !(IsA(command, GrantStmt) && grants_lasting((GrantStmt *) command)))
		return;
	note_begin(&n);
	foreach(lc, touched)
		add_object(&n, lfirst(lc));
	if (IsA(command, GrantStmt))
		add_granted(&n, (GrantStmt *) command);
	else if (IsA(command, AlterTableStmt))
		add_former_relatives(&n, (AlterTableStmt *) command);
	note_end(&n);
}

/* Dropped objects */

/* A part of a table, or a table that was the child of one, or an index. */
static void
add_dropped(Note *n, const char *type, const char *schema, const char *name, bool original)
{
	Oid			namespace = schema == NULL ? InvalidOid : get_namespace_oid(schema, true);

	if (strcmp(type, "table") == 0)
		n->what.dropped = lappend(n->what.dropped, quote_qualified_identifier(schema, name));
	else if (strcmp(type, "index") == 0)
		n->what.everything |= original;
	else if (OidIsValid(namespace) && name != NULL)
		add_table(n, get_relname_relid(name, namespace));
}

static void
add_all_dropped(Note *n, SPITupleTable *table, uint64 nrows)
{
	for (uint64 i = 0; i < nrows; i++)
	{
		HeapTuple	row = table->vals[i];
		bool		isnull;

		add_dropped(n, SPI_getvalue(row, table->tupdesc, 1), SPI_getvalue(row, table->tupdesc, 2),
					SPI_getvalue(row, table->tupdesc, 3),
					DatumGetBool(SPI_getbinval(row, table->tupdesc, 4, &isnull)));
	}
}

void
custody_ddl_note_dropped(void)
{
	Note		n;

	SPI_connect();
	if (SPI_execute("SELECT object_type, address_names[1], address_names[2], original"
					" FROM pg_catalog.pg_event_trigger_dropped_objects()"
					" WHERE NOT is_temporary AND object_type OPERATOR(pg_catalog.=) ANY"
					" ('{table,index,trigger,policy,rule,table constraint,default value,table column}'::pg_catalog.text[])",
					false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the dropped objects");
	/* Applications drop temporary tables all day: look at nothing for them. */
	if (SPI_processed > 0)
	{
		note_begin(&n);
		add_all_dropped(&n, SPI_tuptable, SPI_processed);
		note_end(&n);
	}
	SPI_finish();
}
