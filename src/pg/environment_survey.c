/*
 * environment_survey.c
 *	  All items of the environment, put together.
 *
 * Locks: AccessShareLock on one table at a time, never waited for long.
 * Transaction state: any; describing an object takes a subtransaction.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg/capture_state.h"
#include "pg/environment.h"
#include "pg/schema.h"

/* Settings that deparsing and type output obey. */
static const char *const fixed_settings[][2] = {
	{"DateStyle", "ISO, YMD"},
	{"IntervalStyle", "postgres"},
	{"TimeZone", "UTC"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"lc_monetary", "C"},
	{"quote_all_identifiers", "off"},
	{"standard_conforming_strings", "on"},
	{"search_path", "pg_catalog, pg_temp"},
	/* A rule or policy may name a table that somebody has locked. */
	{"lock_timeout", "500ms"}
};

int
custody_survey_begin(void)
{
	int			nest_level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(fixed_settings); i++)
		(void) set_config_option(fixed_settings[i][0], fixed_settings[i][1], PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return nest_level;
}

void
custody_survey_end(int nest_level)
{
	AtEOXact_GUC(true, nest_level);
}

/* Capture */

static void
add_fault(void *arg, const char *code, const char *relation, const char *message)
{
	StringInfo	buf = arg;

	appendStringInfo(buf, "%s%s", buf->len > 0 ? "; " : "", message);
}

static void
put_capture(CustodySurvey *s, const char *group, Oid root)
{
	StringInfoData buf;
	CustodyFaults faults = {add_fault, &buf, s->snapshot};

	initStringInfo(&buf);
	if (OidIsValid(root))
		custody_capture_table_faults(&faults, root);
	else
		custody_capture_machinery_faults(&faults);
	custody_items_add(s->items, group, buf.len > 0 ? buf.data : CUSTODY_ITEM_COMPLETE);
}

void
custody_survey_capture(CustodySurvey *s, Oid root)
{
	char	   *name = custody_item_relation(root);

	if (name != NULL)
		custody_survey_guarded(s, psprintf(CUSTODY_ITEM_CAPTURE " %s", name), put_capture, root);
}

void
custody_survey_machinery(CustodySurvey *s)
{
	custody_survey_guarded(s, CUSTODY_ITEM_CAPTURE, put_capture, InvalidOid);
}

/* Together */

static void
survey_protection(CustodySurvey *s, const CustodyProtection *p)
{
	Oid			root = p->relid;
	List	   *tables = list_make1_oid(root);
	ListCell   *lc;

	if (get_rel_relkind(root) == RELKIND_PARTITIONED_TABLE)
		tables = find_all_inheritors(root, NoLock, NULL);
	custody_survey_capture(s, root);
	foreach(lc, tables)
		custody_survey_table(s, lfirst_oid(lc), p->relation_id);
}

static List *
owners(const CustodySurvey *s)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, s->watched)
	{
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		result = list_append_unique_oid(result, ((Form_pg_class) GETSTRUCT(tuple))->relowner);
		ReleaseSysCache(tuple);
	}
	return result;
}

void
custody_survey_all(CustodySurvey *s)
{
	ListCell   *lc;

	foreach(lc, custody_schema_protections(s->snapshot))
	{
		CustodyProtection *p = lfirst(lc);

		if (!p->released && SearchSysCacheExists1(RELOID, ObjectIdGetDatum(p->relid)))
			survey_protection(s, p);
	}
	custody_survey_machinery(s);
	custody_survey_ledger(s);
	custody_survey_event_triggers(s);
	/* Both lists grow while they are worked through. */
	for (int i = 0; i < list_length(s->types); i++)
		custody_survey_type(s, list_nth_oid(s->types, i));
	for (int i = 0; i < list_length(s->functions); i++)
		custody_survey_function(s, list_nth_oid(s->functions, i));
	custody_survey_roles(s, owners(s));
	custody_survey_server(s);
	custody_items_sort(s->items);
}
