/*
 * verify_capture.c
 *	  The machinery as it should be: triggers of protected tables, our
 *	  functions, event triggers and the ledger's own relations.
 *
 * What should be stands in the tables at the top of each part.  Catalogs are
 * read as they are now, not as of the verification's snapshot: a trigger that
 * is off is off.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg/catalog.h"
#include "pg/protect.h"
#include "pg/verify_state.h"

#define LIBRARY "$libdir/pg_custody"

/* Triggers */

typedef struct ExpectedTrigger
{
	const char *name;
	const char *function;
	int16		type;
} ExpectedTrigger;

static const ExpectedTrigger row_trigger = {
	CUSTODY_ROW_TRIGGER, "capture",
	TRIGGER_TYPE_ROW | TRIGGER_TYPE_AFTER | TRIGGER_TYPE_INSERT |
	TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE
};

static const ExpectedTrigger truncate_trigger = {
	CUSTODY_TRUNCATE_TRIGGER, "capture_truncate",
	TRIGGER_TYPE_STATEMENT | TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_TRUNCATE
};

static Oid
own_function(const char *name)
{
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(NULL, 0)),
						   ObjectIdGetDatum(get_namespace_oid("custody", false)));
}

/* What is wrong with a trigger's definition, NULL if nothing. */
static const char *
trigger_fault(Form_pg_trigger form, HeapTuple tuple, TupleDesc desc, const ExpectedTrigger *expected)
{
	if (form->tgfoid != own_function(expected->function))
		return "calls another function";
	if (form->tgtype != expected->type)
		return "fires on other events";
	if (!heap_attisnull(tuple, Anum_pg_trigger_tgqual, desc))
		return "has a WHEN condition";
	if (form->tgattr.dim1 > 0)
		return "is limited to some columns";
	if (form->tgdeferrable || form->tginitdeferred || OidIsValid(form->tgconstraint))
		return "is a constraint trigger";
	if (form->tgnargs != 0 || !heap_attisnull(tuple, Anum_pg_trigger_tgoldtable, desc) ||
		!heap_attisnull(tuple, Anum_pg_trigger_tgnewtable, desc))
		return "has other arguments";
	return NULL;
}

static void
check_trigger(CustodyVerify *v, Oid relid, const ExpectedTrigger *expected)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	char	   *table = custody_verify_relname(relid);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_trigger_tgname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(expected->name));
	scan = systable_beginscan(rel, TriggerRelidNameIndexId, true, NULL, 2, keys);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		custody_verify_tampering(v, "trigger_missing", table, CUSTODY_NO_LEAF, NULL,
								 "table %s has no trigger \"%s\"", table, expected->name);
	else
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
		const char *fault = trigger_fault(form, tuple, RelationGetDescr(rel), expected);

		if (fault != NULL)
			custody_verify_tampering(v, "trigger_changed", table, CUSTODY_NO_LEAF, NULL,
									 "trigger \"%s\" of table %s %s", expected->name, table, fault);
		if (form->tgenabled != TRIGGER_FIRES_ALWAYS)
			custody_verify_tampering(v, "trigger_disabled", table, CUSTODY_NO_LEAF, NULL,
									 form->tgenabled == TRIGGER_DISABLED ?
									 "trigger \"%s\" of table %s is disabled" :
									 "trigger \"%s\" of table %s does not always fire",
									 expected->name, table);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* pg_class may say there are no triggers, and then none fires. */
static void
check_class(CustodyVerify *v, Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	char	   *table;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_class) GETSTRUCT(tuple);
	table = custody_verify_relname(relid);
	if (!form->relhastriggers)
		custody_verify_tampering(v, "trigger_disabled", table, CUSTODY_NO_LEAF, NULL,
								 "pg_class says that table %s has no triggers", table);
	if (form->relpersistence != RELPERSISTENCE_PERMANENT)
		custody_verify_tampering(v, "table_changed", table, CUSTODY_NO_LEAF, NULL,
								 "protected table %s is not a permanent, logged table", table);
	ReleaseSysCache(tuple);
}

static void
check_table(CustodyVerify *v, const CustodyProtection *p)
{
	ListCell   *lc;

	if (get_rel_relkind(p->relid) == RELKIND_PARTITIONED_TABLE)
		check_trigger(v, p->relid, &row_trigger);
	foreach(lc, custody_schema_leaves(p->relid, NoLock))
	{
		check_class(v, lfirst_oid(lc));
		check_trigger(v, lfirst_oid(lc), &row_trigger);
		check_trigger(v, lfirst_oid(lc), &truncate_trigger);
	}
}

/* Functions */

typedef struct ExpectedFunction
{
	const char *name;
	const char *symbol;
} ExpectedFunction;

static const ExpectedFunction functions[] = {
	{"capture", "custody_sql_capture"},
	{"capture_truncate", "custody_sql_capture_truncate"},
	{"capture_ddl", "custody_sql_capture_ddl"}
};

static bool
text_is(HeapTuple tuple, AttrNumber attnum, const char *expected)
{
	bool		isnull;
	Datum		datum = SysCacheGetAttr(PROCOID, tuple, attnum, &isnull);

	return !isnull && strcmp(TextDatumGetCString(datum), expected) == 0;
}

static bool
function_sound(HeapTuple tuple, const ExpectedFunction *expected)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);
	bool		no_settings;

	(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &no_settings);
	return form->prolang == ClanguageId && !form->prosecdef && no_settings &&
		text_is(tuple, Anum_pg_proc_prosrc, expected->symbol) &&
		text_is(tuple, Anum_pg_proc_probin, LIBRARY) &&
		getExtensionOfObject(ProcedureRelationId, form->oid) == custody_catalog_extension();
}

static void
check_function(CustodyVerify *v, const ExpectedFunction *expected)
{
	Oid			oid = own_function(expected->name);
	HeapTuple	tuple = OidIsValid(oid) ? SearchSysCache1(PROCOID, ObjectIdGetDatum(oid)) : NULL;

	if (!HeapTupleIsValid(tuple))
		custody_verify_tampering(v, "function_missing", NULL, CUSTODY_NO_LEAF, NULL,
								 "function custody.%s() does not exist", expected->name);
	else
	{
		if (!function_sound(tuple, expected))
			custody_verify_tampering(v, "function_changed", NULL, CUSTODY_NO_LEAF, NULL,
									 "function custody.%s() is not the extension's", expected->name);
		ReleaseSysCache(tuple);
	}
}

/* Event triggers */

typedef struct ExpectedEventTrigger
{
	const char *name;
	const char *event;
	const char *function;
} ExpectedEventTrigger;

static const ExpectedEventTrigger event_triggers[] = {
	{"custody_ddl", "ddl_command_end", "capture_ddl"},
	{"custody_drop", "sql_drop", "capture_ddl"}
};

static void
check_event_trigger(CustodyVerify *v, const ExpectedEventTrigger *expected)
{
	HeapTuple	tuple = SearchSysCache1(EVENTTRIGGERNAME, CStringGetDatum(expected->name));
	Form_pg_event_trigger form;
	bool		no_tags;

	if (!HeapTupleIsValid(tuple))
	{
		custody_verify_tampering(v, "event_trigger_missing", NULL, CUSTODY_NO_LEAF, NULL,
								 "event trigger \"%s\" does not exist", expected->name);
		return;
	}
	form = (Form_pg_event_trigger) GETSTRUCT(tuple);
	(void) SysCacheGetAttr(EVENTTRIGGERNAME, tuple, Anum_pg_event_trigger_evttags, &no_tags);
	if (strcmp(NameStr(form->evtevent), expected->event) != 0 || !no_tags ||
		form->evtfoid != own_function(expected->function))
		custody_verify_tampering(v, "event_trigger_changed", NULL, CUSTODY_NO_LEAF, NULL,
								 "event trigger \"%s\" is not as the extension made it", expected->name);
	if (form->evtenabled != TRIGGER_FIRES_ALWAYS)
		custody_verify_tampering(v, "event_trigger_disabled", NULL, CUSTODY_NO_LEAF, NULL,
								 "event trigger \"%s\" does not always fire", expected->name);
	ReleaseSysCache(tuple);
}

/* The ledger's own relations */

static const char *const own_tables[] = {
	"log_transaction", "log_chunk", "log_subtree", "log_leaf", "log_lookup",
	"log_block", "log_tile", "log_checkpoint", "log_anchor", "log_inspection",
	"log_relation", "log_release",
	"log_schema", "log_key", "log_incarnation", "log_trusted_log", "log_cosigned",
	"log_witness_key", "log_witness", "log_cosignature"
};

static const char *const own_indexes[] = {
	"log_transaction_xact_id_idx", "log_chunk_pkey",
	"log_subtree_pkey", "log_leaf_pkey", "log_leaf_txn_no_key", "log_lookup_run_idx",
	"log_block_pkey", "log_block_tree_size_key", "log_tile_pkey",
	"log_checkpoint_pkey", "log_anchor_pkey", "log_inspection_pkey",
	"log_relation_pkey",
	"log_release_pkey", "log_schema_pkey", "log_schema_relation_id_idx",
	"log_key_pkey", "log_incarnation_pkey", "log_trusted_log_pkey",
	"log_cosigned_pkey", "log_witness_key_pkey", "log_witness_pkey", "log_cosignature_pkey"
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

/* Together */

void
custody_verify_capture(CustodyVerify *v)
{
	ListCell   *lc;

	foreach(lc, v->protections)
	{
		CustodyProtection *p = lfirst(lc);
		CustodyRelationState *relation = custody_state_relation(v, p->relation_id);

		if (relation != NULL && relation->present)
			check_table(v, p);
	}
	for (int i = 0; i < lengthof(functions); i++)
		check_function(v, &functions[i]);
	for (int i = 0; i < lengthof(event_triggers); i++)
		check_event_trigger(v, &event_triggers[i]);
}
