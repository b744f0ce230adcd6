/*
 * verify_capture.c
 *	  The machinery as it should be: what captures (capture_state.c), children of
 *	  protected tables, and the ledger's own relations.
 *
 * Catalogs are read as they are now, not as of the verification's snapshot: a
 * trigger that is off is off.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg/capture_state.h"
#include "pg/catalog.h"
#include "pg/verify_state.h"

/* The ledger's own relations */

static const char *const own_tables[] = {
	"log_transaction", "log_chunk", "log_subtree", "log_leaf", "log_lookup",
	"log_block", "log_state", "log_event", "log_tile", "log_checkpoint", "log_anchor", "log_inspection",
	"log_relation", "log_release",
	"log_schema", "log_key", "log_incarnation", "log_trusted_log", "log_cosigned",
	"log_witness_key", "log_witness", "log_cosignature",
	"log_environment"
};

static const char *const own_indexes[] = {
	"log_transaction_xact_id_idx", "log_chunk_pkey",
	"log_subtree_pkey", "log_leaf_pkey", "log_leaf_txn_no_key", "log_lookup_run_idx",
	"log_block_pkey", "log_block_tree_size_key", "log_state_pkey", "log_event_pkey", "log_tile_pkey",
	"log_checkpoint_pkey", "log_anchor_pkey", "log_inspection_pkey",
	"log_relation_pkey",
	"log_release_pkey", "log_schema_pkey", "log_schema_relation_id_idx",
	"log_key_pkey", "log_incarnation_pkey", "log_trusted_log_pkey",
	"log_cosigned_pkey", "log_witness_key_pkey", "log_witness_pkey", "log_cosignature_pkey",
	"log_environment_pkey"
};

static void
own_changed(CustodyVerify *v, const char *name, const char *fault)
{
	char	   *relation = quote_qualified_identifier("custody", name);

	custody_verify_tampering(v, "ledger_relation_changed", relation, CUSTODY_NO_LEAF, NULL,
							 "ledger relation %s %s", relation, fault);
}

/* Has a catalog a row for the relation, by the first column of an index? */
static bool
has_catalog_row(Oid catalog, Oid index, AttrNumber attnum, Oid relid)
{
	Relation	rel = table_open(catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, index, OidIsValid(index), NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* What an own table must not have; each fault alone. */
static void
check_own_additions(CustodyVerify *v, const char *name, Oid relid, Form_pg_class form)
{
	if (has_catalog_row(TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid, relid))
		own_changed(v, name, "has a trigger");
	if (has_catalog_row(RewriteRelationId, RewriteRelRulenameIndexId, Anum_pg_rewrite_ev_class, relid))
		own_changed(v, name, "has a rule");
	if (has_catalog_row(InheritsRelationId, InheritsRelidSeqnoIndexId, Anum_pg_inherits_inhrelid, relid) ||
		has_catalog_row(InheritsRelationId, InheritsParentIndexId, Anum_pg_inherits_inhparent, relid))
		own_changed(v, name, "takes part in inheritance");
	if (form->relrowsecurity || form->relforcerowsecurity)
		own_changed(v, name, "has row security");
	if (form->relpersistence != RELPERSISTENCE_PERMANENT)
		own_changed(v, name, "is not permanent");
	if (getExtensionOfObject(RelationRelationId, relid) != get_extension_oid("pg_custody", true))
		own_changed(v, name, "does not belong to the extension");
}

/* False if the table cannot be read as ours. */
static bool
check_own_table(CustodyVerify *v, Oid namespace, const char *name)
{
	Oid			relid = get_relname_relid(name, namespace);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	bool		readable;

	if (!HeapTupleIsValid(tuple))
	{
		own_changed(v, name, "does not exist");
		return false;
	}
	form = (Form_pg_class) GETSTRUCT(tuple);
	readable = form->relkind == RELKIND_RELATION && form->relam == HEAP_TABLE_AM_OID;
	if (!readable)
		own_changed(v, name, "is not a plain table");
	else
		check_own_additions(v, name, relid, form);
	ReleaseSysCache(tuple);
	return readable;
}

static bool
check_own_index(CustodyVerify *v, Oid namespace, const char *name)
{
	Oid			indexrelid = get_relname_relid(name, namespace);
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(indexrelid));
	bool		valid;

	if (!HeapTupleIsValid(tuple))
	{
		own_changed(v, name, "does not exist");
		return false;
	}
	valid = ((Form_pg_index) GETSTRUCT(tuple))->indisvalid;
	if (!valid)
		own_changed(v, name, "is not valid");
	ReleaseSysCache(tuple);
	return valid;
}

bool
custody_verify_own_relations(CustodyVerify *v)
{
	Oid			namespace = get_namespace_oid("custody", false);
	bool		readable = true;

	for (int i = 0; i < lengthof(own_tables); i++)
		readable &= check_own_table(v, namespace, own_tables[i]);
	for (int i = 0; readable && i < lengthof(own_indexes); i++)
		readable &= check_own_index(v, namespace, own_indexes[i]);
	return readable;
}

/* Children of protected tables */

static bool
was_protected(CustodyVerify *v, Oid relid)
{
	ListCell   *lc;

	foreach(lc, v->protections)
		if (((CustodyProtection *) lfirst(lc))->relid == relid)
			return true;
	return false;
}

/* A foreign table's rows are not looked for: it may have some at any time. */
static bool
has_rows(CustodyVerify *v, Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	bool		found = rel->rd_rel->relkind == RELKIND_FOREIGN_TABLE;

	if (rel->rd_rel->relkind == RELKIND_RELATION)
	{
		TupleTableSlot *slot = table_slot_create(rel, NULL);
		TableScanDesc scan = table_beginscan(rel, v->snapshot, 0, NULL);

		found = table_scan_getnextslot(scan, ForwardScanDirection, slot);
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
	}
	table_close(rel, AccessShareLock);
	return found;
}

/* Rows of a child are read as the parent's; partitions are part of it. */
static void
check_children(CustodyVerify *v, Oid relid)
{
	ListCell   *lc;

	if (get_rel_relkind(relid) != RELKIND_RELATION)
		return;
	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Oid			child = lfirst_oid(lc);

		if (child != relid && !was_protected(v, child) && has_rows(v, child))
			custody_verify_tampering(v, "child_unprotected", custody_verify_relname(relid), CUSTODY_NO_LEAF,
									 psprintf("protect %s", custody_verify_relname(child)),
									 "table %s has rows that are read as rows of %s and were never recorded",
									 custody_verify_relname(child), custody_verify_relname(relid));
	}
}

/* Together */

static void
report_fault(void *arg, const char *code, const char *relation, const char *message)
{
	custody_verify_tampering(arg, code, relation, CUSTODY_NO_LEAF, NULL, "%s", message);
}

void
custody_verify_capture(CustodyVerify *v)
{
	CustodyFaults faults = {report_fault, v, NULL};
	ListCell   *lc;

	foreach(lc, v->protections)
	{
		CustodyProtection *p = lfirst(lc);
		CustodyRelationState *relation = custody_state_relation(v, p->relation_id);

		if (relation != NULL && relation->present)
		{
			custody_capture_table_faults(&faults, p->relid);
			check_children(v, p->relid);
		}
	}
	custody_capture_machinery_faults(&faults);
}
