/*
 * capture_state.c
 *	  Is capture complete?  Triggers of protected tables, our functions and
 *	  event triggers as they should be.
 *
 * What should be stands in the tables at the top of each part.  Catalogs are
 * read as they are now, but for triggers, which are read under a snapshot.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg/capture_state.h"
#include "pg/catalog.h"
#include "pg/schema.h"
#include "pg/trigger.h"

#define LIBRARY "$libdir/pg_custody"

static void report_fault(CustodyFaults *f, const char *code, const char *relation,
				  const char *format,...) pg_attribute_printf(4, 5);

static void
report_fault(CustodyFaults *f, const char *code, const char *relation, const char *format,...)
{
	StringInfoData buf;
	int			needed;

	initStringInfo(&buf);
	do
	{
		va_list		args;

		va_start(args, format);
		needed = appendStringInfoVA(&buf, format, args);
		va_end(args);
		if (needed > 0)
			enlargeStringInfo(&buf, needed);
	} while (needed > 0);
	f->report(f->arg, code, relation, buf.data);
}

static char *
relation_name(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		return psprintf("%u", relid);
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);
}

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
check_trigger(CustodyFaults *f, Oid relid, const ExpectedTrigger *expected)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	char	   *table = relation_name(relid);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_trigger_tgname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(expected->name));
	scan = systable_beginscan(rel, TriggerRelidNameIndexId, true, f->snapshot, 2, keys);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		report_fault(f, "trigger_missing", table,
								 "table %s has no trigger \"%s\"", table, expected->name);
	else
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
		const char *fault = trigger_fault(form, tuple, RelationGetDescr(rel), expected);

		if (fault != NULL)
			report_fault(f, "trigger_changed", table,
									 "trigger \"%s\" of table %s %s", expected->name, table, fault);
		if (form->tgenabled != TRIGGER_FIRES_ALWAYS)
			report_fault(f, "trigger_disabled", table,
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
check_class(CustodyFaults *f, Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	char	   *table;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_class) GETSTRUCT(tuple);
	table = relation_name(relid);
	if (!form->relhastriggers)
		report_fault(f, "trigger_disabled", table,
								 "pg_class says that table %s has no triggers", table);
	if (form->relpersistence != RELPERSISTENCE_PERMANENT)
		report_fault(f, "table_changed", table,
								 "protected table %s is not a permanent, logged table", table);
	ReleaseSysCache(tuple);
}

void
custody_capture_table_faults(CustodyFaults *f, Oid relid)
{
	ListCell   *lc;

	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		check_trigger(f, relid, &row_trigger);
	foreach(lc, custody_schema_leaves(relid, NoLock))
	{
		check_class(f, lfirst_oid(lc));
		check_trigger(f, lfirst_oid(lc), &row_trigger);
		check_trigger(f, lfirst_oid(lc), &truncate_trigger);
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
check_function(CustodyFaults *f, const ExpectedFunction *expected)
{
	Oid			oid = own_function(expected->name);
	HeapTuple	tuple = OidIsValid(oid) ? SearchSysCache1(PROCOID, ObjectIdGetDatum(oid)) : NULL;

	if (!HeapTupleIsValid(tuple))
		report_fault(f, "function_missing", NULL,
								 "function custody.%s() does not exist", expected->name);
	else
	{
		if (!function_sound(tuple, expected))
			report_fault(f, "function_changed", NULL,
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
check_event_trigger(CustodyFaults *f, const ExpectedEventTrigger *expected)
{
	HeapTuple	tuple = SearchSysCache1(EVENTTRIGGERNAME, CStringGetDatum(expected->name));
	Form_pg_event_trigger form;
	bool		no_tags;

	if (!HeapTupleIsValid(tuple))
	{
		report_fault(f, "event_trigger_missing", NULL,
								 "event trigger \"%s\" does not exist", expected->name);
		return;
	}
	form = (Form_pg_event_trigger) GETSTRUCT(tuple);
	(void) SysCacheGetAttr(EVENTTRIGGERNAME, tuple, Anum_pg_event_trigger_evttags, &no_tags);
	if (strcmp(NameStr(form->evtevent), expected->event) != 0 || !no_tags ||
		form->evtfoid != own_function(expected->function))
		report_fault(f, "event_trigger_changed", NULL,
								 "event trigger \"%s\" is not as the extension made it", expected->name);
	if (form->evtenabled != TRIGGER_FIRES_ALWAYS)
		report_fault(f, "event_trigger_disabled", NULL,
								 "event trigger \"%s\" does not always fire", expected->name);
	ReleaseSysCache(tuple);
}

void
custody_capture_machinery_faults(CustodyFaults *f)
{
	for (int i = 0; i < lengthof(functions); i++)
		check_function(f, &functions[i]);
	for (int i = 0; i < lengthof(event_triggers); i++)
		check_event_trigger(f, &event_triggers[i]);
}
