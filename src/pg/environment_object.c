/*
 * environment_object.c
 *	  Functions, types, event triggers, and what schema custody holds, as
 *	  environment items.
 *
 * Functions and types that come with PostgreSQL are left out: the server
 * calls the former by number, whatever the catalogs say.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/regproc.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg/environment.h"

static void
put(CustodySurvey *s, const char *group, const char *part, const char *text)
{
	custody_items_add(s->items, psprintf("%s/%s", group, part), text);
}

/* Functions */

char *
custody_survey_function_group(Oid oid)
{
	return oid < FirstNormalObjectId || !SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(oid)) ?
		NULL : psprintf("function %s", format_procedure_qualified(oid));
}

static void
describe_function(CustodySurvey *s, const char *group, Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	Form_pg_proc form;
	bool		isnull;
	Datum		acl;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	acl = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proacl, &isnull);
	custody_items_add(s->items, group, form->prokind == PROKIND_AGGREGATE ? "aggregate" :
					  custody_item_definition(pg_get_functiondef, oid));
	put(s, group, "owner", custody_item_role(form->proowner));
	put(s, group, "grants", custody_item_acl(acl, isnull, 'f', form->proowner));
	ReleaseSysCache(tuple);
}

void
custody_survey_function(CustodySurvey *s, Oid oid)
{
	char	   *group = custody_survey_function_group(oid);

	if (group != NULL)
		custody_survey_guarded(s, group, describe_function, oid);
}

/* Types */

char *
custody_survey_type_group(Oid oid)
{
	return oid < FirstNormalObjectId || !SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(oid)) ?
		NULL : psprintf("type %s", format_type_be_qualified(oid));
}

static void
enum_labels(CustodySurvey *s, const char *group, Oid oid)
{
	Relation	rel = table_open(EnumRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	StringInfoData buf;

	initStringInfo(&buf);
	ScanKeyInit(&key, Anum_pg_enum_enumtypid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
	/* The index gives them in sort order. */
	scan = systable_beginscan(rel, EnumTypIdSortOrderIndexId, true, s->snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "",
						 quote_literal_cstr(NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel)));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	put(s, group, "labels", buf.data);
}

static void
domain_constraints(CustodySurvey *s, const char *group, Oid oid)
{
	Relation	rel = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_contypid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(oid));
	scan = systable_beginscan(rel, ConstraintTypidIndexId, true, s->snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		if (form->contype == CONSTRAINT_CHECK)
			put(s, group, psprintf("constraint %s", quote_identifier(NameStr(form->conname))),
				custody_item_definition(pg_get_constraintdef, form->oid));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static void
attributes(CustodySurvey *s, const char *group, Oid oid)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(oid, -1);
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		appendStringInfo(&buf, "%s%s %s", buf.len > 0 ? ", " : "",
						 quote_identifier(NameStr(att->attname)),
						 format_type_extended(att->atttypid, att->atttypmod,
											  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
		s->types = list_append_unique_oid(s->types, att->atttypid);
	}
	put(s, group, "attributes", buf.data);
}

static void
domain(CustodySurvey *s, const char *group, Oid oid, Form_pg_type form)
{
	char	   *usual = get_typdefault(oid) == NULL ? "" :
		deparse_expression(get_typdefault(oid), NIL, false, false);

	put(s, group, "base",
		psprintf("%s%s%s%s", format_type_extended(form->typbasetype, form->typtypmod,
												  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY),
				 form->typnotnull ? " not null" : "", usual[0] == '\0' ? "" : " default ", usual));
	s->types = list_append_unique_oid(s->types, form->typbasetype);
	domain_constraints(s, group, oid);
}

static void
describe_type(CustodySurvey *s, const char *group, Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(oid));
	Form_pg_type form;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_type) GETSTRUCT(tuple);
	custody_items_add(s->items, group,
					  psprintf("kind %c owner %s input %s output %s", form->typtype,
							   custody_item_role(form->typowner),
							   format_procedure_qualified(form->typinput),
							   format_procedure_qualified(form->typoutput)));
	if (form->typtype == TYPTYPE_ENUM)
		enum_labels(s, group, oid);
	else if (form->typtype == TYPTYPE_DOMAIN)
		domain(s, group, oid, form);
	else if (form->typtype == TYPTYPE_COMPOSITE)
		attributes(s, group, oid);
	else if (form->typtype == TYPTYPE_RANGE)
		s->types = list_append_unique_oid(s->types, get_range_subtype(oid));
	s->functions = list_append_unique_oid(s->functions, form->typinput);
	s->functions = list_append_unique_oid(s->functions, form->typoutput);
	if (OidIsValid(form->typelem))
		s->types = list_append_unique_oid(s->types, form->typelem);
	ReleaseSysCache(tuple);
}

void
custody_survey_type(CustodySurvey *s, Oid oid)
{
	char	   *group = custody_survey_type_group(oid);

	if (group != NULL)
		custody_survey_guarded(s, group, describe_type, oid);
}

/* Event triggers */

static char *
tags(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, Anum_pg_event_trigger_evttags, desc, &isnull);
	Datum	   *elements;
	int			n;
	List	   *names = NIL;
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	if (isnull)
		return buf.data;
	deconstruct_array(DatumGetArrayTypeP(datum), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		names = lappend(names, makeString(TextDatumGetCString(elements[i])));
	list_sort(names, custody_item_compare_strings);
	foreach(lc, names)
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? "," : " for ", strVal(lfirst(lc)));
	return buf.data;
}

static void
event_triggers(CustodySurvey *s, const char *group, Oid unused)
{
	Relation	rel = table_open(EventTriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, s->snapshot, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_event_trigger form = (Form_pg_event_trigger) GETSTRUCT(tuple);

		custody_items_add(s->items,
						  psprintf("event trigger %s", quote_identifier(NameStr(form->evtname))),
						  psprintf("enabled %c on %s%s owner %s function %s", form->evtenabled,
								   NameStr(form->evtevent), tags(tuple, RelationGetDescr(rel)),
								   custody_item_role(form->evtowner),
								   format_procedure_qualified(form->evtfoid)));
		if (getExtensionOfObject(EventTriggerRelationId, form->oid) == get_extension_oid("pg_custody", true))
			custody_triggerrow_add_event(s, NameStr(form->evtname), tuple);
		s->functions = list_append_unique_oid(s->functions, form->evtfoid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

void
custody_survey_event_triggers(CustodySurvey *s)
{
	custody_survey_guarded(s, "event triggers", event_triggers, InvalidOid);
}

/* Schema custody */

/* Call for each object whose namespace column has this value. */
static List *
objects_in(CustodySurvey *s, Oid catalog, AttrNumber attnum, Oid namespace)
{
	Relation	rel = table_open(catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(namespace));
	scan = systable_beginscan(rel, InvalidOid, false, s->snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		char		kind = catalog == RelationRelationId ?
			((Form_pg_class) GETSTRUCT(tuple))->relkind : '\0';
		Oid			oid = catalog == RelationRelationId ?
			((Form_pg_class) GETSTRUCT(tuple))->oid : ((Form_pg_proc) GETSTRUCT(tuple))->oid;

		/* Indexes stand with their tables. */
		if (kind != RELKIND_INDEX && kind != RELKIND_PARTITIONED_INDEX)
			result = lappend_oid(result, oid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

static void
describe_schema(CustodySurvey *s, const char *group, Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(oid));
	Form_pg_namespace form;
	bool		isnull;
	Datum		acl;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_namespace) GETSTRUCT(tuple);
	acl = SysCacheGetAttr(NAMESPACEOID, tuple, Anum_pg_namespace_nspacl, &isnull);
	custody_items_add(s->items, group,
					  psprintf("owner %s grants %s", custody_item_role(form->nspowner),
							   custody_item_acl(acl, isnull, 'n', form->nspowner)));
	ReleaseSysCache(tuple);
}

static void
extension(CustodySurvey *s, const char *group, Oid unused)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("pg_custody"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, s->snapshot, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_extension form = (Form_pg_extension) GETSTRUCT(tuple);
		bool		isnull;
		Datum		version = heap_getattr(tuple, Anum_pg_extension_extversion,
										   RelationGetDescr(rel), &isnull);

		custody_items_add(s->items, group,
						  psprintf("version %s owner %s", isnull ? "?" : TextDatumGetCString(version),
								   custody_item_role(form->extowner)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

void
custody_survey_ledger(CustodySurvey *s)
{
	Oid			namespace = get_namespace_oid("custody", false);
	ListCell   *lc;

	custody_survey_guarded(s, "schema custody", describe_schema, namespace);
	custody_survey_guarded(s, CUSTODY_ITEM_EXTENSION, extension, InvalidOid);
	foreach(lc, objects_in(s, RelationRelationId, Anum_pg_class_relnamespace, namespace))
		custody_survey_table(s, lfirst_oid(lc), 0);
	foreach(lc, objects_in(s, ProcedureRelationId, Anum_pg_proc_pronamespace, namespace))
		s->functions = list_append_unique_oid(s->functions, lfirst_oid(lc));
}
