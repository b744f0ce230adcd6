/*
 * environment_table.c
 *	  A table as environment items: owner, grants, columns, constraints,
 *	  triggers, rules, policies, unique indexes, place in inheritance.
 *
 * Everything is by name and in logical order, so that dump and restore, a
 * rewrite or dropped columns make no difference.  What changes by itself
 * (statistics, hints, storage) is left out.
 *
 * The table is locked (AccessShareLock) while it is read, unless somebody has
 * it locked for himself: then it is not described now.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/nodes.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "pg/environment.h"
#include "pg/trigger.h"

/* The table being described. */
typedef struct Table
{
	CustodySurvey *survey;
	const char *group;
	Oid			relid;
	Oid			owner;
	List	   *context;		/* for deparsing; made when needed */
} Table;

static void
put(const Table *t, const char *part, const char *name, const char *text)
{
	custody_items_add(t->survey->items,
					  name == NULL ? psprintf("%s/%s", t->group, part) :
					  psprintf("%s/%s %s", t->group, part, quote_identifier(name)), text);
}

/* Call for each row of a catalog that belongs to the table. */
static void
each_row(Table *t, Oid catalog, Oid index, AttrNumber attnum,
		 void (*describe) (Table *, HeapTuple, TupleDesc))
{
	Relation	rel = table_open(catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(t->relid));
	scan = systable_beginscan(rel, index, true, t->survey->snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		describe(t, tuple, RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* A stored expression as SQL, "" if there is none. */
static char *
expression(Table *t, HeapTuple tuple, AttrNumber attnum, TupleDesc desc)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, attnum, desc, &isnull);

	if (isnull)
		return "";
	if (t->context == NIL)
		t->context = deparse_context_for(get_rel_name(t->relid), t->relid);
	return deparse_expression(stringToNode(TextDatumGetCString(datum)), t->context, false, false);
}

/* Remember the functions that an object of the table uses. */
static void
note_functions(Table *t, Oid classid, Oid objid)
{
	Relation	rel = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(classid));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(objid));
	scan = systable_beginscan(rel, DependDependerIndexId, true, t->survey->snapshot, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->refclassid == ProcedureRelationId)
			t->survey->functions = list_append_unique_oid(t->survey->functions, form->refobjid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Columns */

static char *
column_default(Table *t, AttrNumber attnum)
{
	Relation	rel = table_open(AttrDefaultRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *text = "";

	ScanKeyInit(&keys[0], Anum_pg_attrdef_adrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(t->relid));
	ScanKeyInit(&keys[1], Anum_pg_attrdef_adnum, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum(attnum));
	scan = systable_beginscan(rel, AttrDefaultIndexId, true, t->survey->snapshot, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		text = expression(t, tuple, Anum_pg_attrdef_adbin, RelationGetDescr(rel));
		note_functions(t, AttrDefaultRelationId, ((Form_pg_attrdef) GETSTRUCT(tuple))->oid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return text;
}

static char *
column_text(Table *t, Form_pg_attribute form, HeapTuple tuple, TupleDesc desc, int position)
{
	StringInfoData buf;
	bool		isnull;
	Datum		acl = heap_getattr(tuple, Anum_pg_attribute_attacl, desc, &isnull);
	char	   *grants = isnull ? "" : custody_item_acl(acl, false, 'c', t->owner);

	initStringInfo(&buf);
	appendStringInfo(&buf, "%d %s", position,
					 format_type_extended(form->atttypid, form->atttypmod,
										  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_ALLOW_INVALID |
										  FORMAT_TYPE_FORCE_QUALIFY));
	if (OidIsValid(form->attcollation) && form->attcollation != get_typcollation(form->atttypid))
		appendStringInfo(&buf, " collation %s", get_collation_name(form->attcollation));
	if (form->attnotnull)
		appendStringInfoString(&buf, " not null");
	if (form->attidentity != '\0')
		appendStringInfo(&buf, " identity %c", form->attidentity);
	if (form->attgenerated != '\0')
		appendStringInfo(&buf, " generated %c", form->attgenerated);
	if (form->atthasdef)
		appendStringInfo(&buf, " default %s", column_default(t, form->attnum));
	if (!form->attislocal || form->attinhcount > 0)
		appendStringInfo(&buf, " inherited %d%s", form->attinhcount, form->attislocal ? " local" : "");
	if (grants[0] != '\0')
		appendStringInfo(&buf, " grants %s", grants);
	return buf.data;
}

/* In order of attribute number, so positions count live columns. */
static void
columns(Table *t)
{
	Relation	rel = table_open(AttributeRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			position = 0;

	ScanKeyInit(&key, Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(t->relid));
	scan = systable_beginscan(rel, AttributeRelidNumIndexId, true, t->survey->snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);

		if (form->attnum <= 0 || form->attisdropped)
			continue;
		put(t, "column", NameStr(form->attname),
			column_text(t, form, tuple, RelationGetDescr(rel), ++position));
		t->survey->types = list_append_unique_oid(t->survey->types, form->atttypid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Objects of the table */

/* The NOT NULL constraints of PostgreSQL 18 stand with the columns. */
#define CONSTRAINT_IS_NOT_NULL 'n'

/* The triggers that enforce a foreign key, on both tables. */
static char *
constraint_triggers(Table *t, Oid oid)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *names = NIL;
	ListCell   *lc;
	StringInfoData buf;

	ScanKeyInit(&key, Anum_pg_trigger_tgconstraint, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(oid));
	scan = systable_beginscan(rel, TriggerConstraintIndexId, true, t->survey->snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		names = lappend(names, makeString(psprintf("%s enabled %c type %d",
												   format_procedure_qualified(form->tgfoid),
												   form->tgenabled, form->tgtype)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	list_sort(names, custody_item_compare_strings);
	initStringInfo(&buf);
	foreach(lc, names)
		appendStringInfo(&buf, "; %s", strVal(lfirst(lc)));
	return buf.data;
}

static void
constraint(Table *t, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

	if (form->contype == CONSTRAINT_IS_NOT_NULL)
		return;
	put(t, "constraint", NameStr(form->conname),
		psprintf("%s%s%s%s%s", custody_item_definition(pg_get_constraintdef, form->oid),
				 form->connoinherit && form->contype == CONSTRAINT_CHECK ? " no inherit" : "",
				 form->conislocal ? "" : " inherited",
				 OidIsValid(form->conparentid) ? " of the parent" : "",
				 form->contype == CONSTRAINT_FOREIGN ? constraint_triggers(t, form->oid) : ""));
	note_functions(t, ConstraintRelationId, form->oid);
}

/*
 * The triggers behind a constraint are named by numbers: they stand with it.
 * Of our own, the transaction that wrote the row stands in an item of its own:
 * nothing but a command on the trigger or an edit of the catalog changes it.
 */
static void
trigger(Table *t, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
	char	   *text;

	if (form->tgisinternal && OidIsValid(form->tgconstraint))
		return;
	text = custody_item_definition(pg_get_triggerdef, form->oid);
	put(t, "trigger", NameStr(form->tgname),
		psprintf("enabled %c type %d%s%s; %s", form->tgenabled, form->tgtype,
				 form->tgisinternal ? " internal" : "",
				 OidIsValid(form->tgparentid) ? " of the parent" : "", text));
	if (t->survey->protection != 0 && custody_trigger_is_ours(NameStr(form->tgname)))
		put(t, CUSTODY_PART_TRIGGER_ROW, NameStr(form->tgname),
			custody_triggerrow_text(tuple, t->relid, t->survey->protection));
	t->survey->functions = list_append_unique_oid(t->survey->functions, form->tgfoid);
}

static void
rule(Table *t, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_rewrite form = (Form_pg_rewrite) GETSTRUCT(tuple);

	put(t, "rule", NameStr(form->rulename),
		psprintf("enabled %c; %s", form->ev_enabled, custody_item_definition(pg_get_ruledef, form->oid)));
	note_functions(t, RewriteRelationId, form->oid);
}

static char *
policy_roles(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, Anum_pg_policy_polroles, desc, &isnull);
	ArrayType  *roles = isnull ? NULL : DatumGetArrayTypeP(datum);
	List	   *names = NIL;
	StringInfoData buf;
	ListCell   *lc;

	for (int i = 0; roles != NULL && i < ArrayGetNItems(ARR_NDIM(roles), ARR_DIMS(roles)); i++)
		names = lappend(names, makeString(pstrdup(custody_item_role(((Oid *) ARR_DATA_PTR(roles))[i]))));
	list_sort(names, custody_item_compare_strings);
	initStringInfo(&buf);
	foreach(lc, names)
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? "," : "", strVal(lfirst(lc)));
	return buf.data;
}

static void
policy(Table *t, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_policy form = (Form_pg_policy) GETSTRUCT(tuple);

	put(t, "policy", NameStr(form->polname),
		psprintf("for %c %s to %s using (%s) check (%s)", form->polcmd,
				 form->polpermissive ? "permissive" : "restrictive", policy_roles(tuple, desc),
				 expression(t, tuple, Anum_pg_policy_polqual, desc),
				 expression(t, tuple, Anum_pg_policy_polwithcheck, desc)));
	note_functions(t, PolicyRelationId, form->oid);
}

/* Only unique ones say what the table may hold. */
static void
unique_index(Table *t, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);
	char	   *name = get_rel_name(form->indexrelid);

	if (!(form->indisunique || form->indisexclusion) || !form->indisvalid ||
		!form->indisready || !form->indislive || name == NULL)
		return;
	put(t, "index", name,
		psprintf("%s%s%s%s", custody_item_definition(pg_get_indexdef, form->indexrelid),
				 form->indisprimary ? " primary" : "", form->indimmediate ? "" : " deferrable",
				 form->indisreplident ? " replica identity" : ""));
	note_functions(t, RelationRelationId, form->indexrelid);
}

/* Place among other tables */

static void
parent(Table *t, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);
	char	   *name = custody_item_relation(form->inhparent);

	custody_items_add(t->survey->items,
					  psprintf("%s/parent %s", t->group, name ? name : "?"),
					  psprintf("%d%s", form->inhseqno, form->inhdetachpending ? " detach pending" : ""));
}

static void
child(Table *t, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);
	char	   *name = custody_item_relation(form->inhrelid);

	custody_items_add(t->survey->items,
					  psprintf("%s/child %s", t->group, name ? name : "?"), "inherits");
}

/* The table itself */

static void
options(StringInfo buf, HeapTuple tuple)
{
	bool		isnull;
	Datum		datum = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &isnull);
	Datum	   *elements;
	int			n;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(datum), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *option = TextDatumGetCString(elements[i]);

		/* Tuning. */
		if (strncmp(option, "autovacuum_", strlen("autovacuum_")) != 0 &&
			strncmp(option, "fillfactor", strlen("fillfactor")) != 0 &&
			strncmp(option, "toast", strlen("toast")) != 0)
			appendStringInfo(buf, " %s", option);
	}
}

static void
head(Table *t, Form_pg_class form, HeapTuple tuple)
{
	StringInfoData buf;
	char	   *method = OidIsValid(form->relam) ? get_am_name(form->relam) : NULL;

	initStringInfo(&buf);
	appendStringInfo(&buf, "kind %c persistence %c replica identity %c", form->relkind,
					 form->relpersistence, form->relreplident);
	if (method != NULL)
		appendStringInfo(&buf, " method %s", method);
	if (form->relrowsecurity)
		appendStringInfoString(&buf, " row security");
	if (form->relforcerowsecurity)
		appendStringInfoString(&buf, " forced");
	if (OidIsValid(form->reloftype))
		appendStringInfo(&buf, " of %s", format_type_be_qualified(form->reloftype));
	options(&buf, tuple);
	custody_items_add(t->survey->items, t->group, buf.data);
}

static void
class(Table *t, HeapTuple tuple)
{
	Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
	bool		isnull;
	Datum		datum;

	t->owner = form->relowner;
	head(t, form, tuple);
	put(t, "owner", NULL, custody_item_role(form->relowner));
	datum = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);
	put(t, "grants", NULL,
		custody_item_acl(datum, isnull, form->relkind == RELKIND_SEQUENCE ? 's' : 'r', form->relowner));
	if (form->relkind == RELKIND_PARTITIONED_TABLE)
		put(t, "partition key", NULL, pg_get_partkeydef_columns(t->relid, false));
	datum = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relpartbound, &isnull);
	if (!isnull)
		put(t, "bound", NULL,
			deparse_expression(stringToNode(TextDatumGetCString(datum)), NIL, false, false));
}

static void
describe(CustodySurvey *s, const char *group, Oid relid)
{
	Table		t = {s, group, relid};
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));

	if (!HeapTupleIsValid(tuple))
		return;
	class(&t, tuple);
	ReleaseSysCache(tuple);
	columns(&t);
	each_row(&t, ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid, constraint);
	each_row(&t, TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid, trigger);
	each_row(&t, RewriteRelationId, RewriteRelRulenameIndexId, Anum_pg_rewrite_ev_class, rule);
	each_row(&t, PolicyRelationId, PolicyPolrelidPolnameIndexId, Anum_pg_policy_polrelid, policy);
	each_row(&t, IndexRelationId, IndexIndrelidIndexId, Anum_pg_index_indrelid, unique_index);
	each_row(&t, InheritsRelationId, InheritsRelidSeqnoIndexId, Anum_pg_inherits_inhrelid, parent);
	each_row(&t, InheritsRelationId, InheritsParentIndexId, Anum_pg_inherits_inhparent, child);
}

char *
custody_survey_table_group(Oid relid)
{
	char	   *name = custody_item_relation(relid);

	return name == NULL ? NULL : psprintf("table %s", name);
}

void
custody_survey_table(CustodySurvey *s, Oid relid, uint32 protection)
{
	char	   *group;

	if (!ConditionalLockRelationOid(relid, AccessShareLock))
	{
		group = custody_survey_table_group(relid);
		if (group != NULL)
			s->busy = lappend(s->busy, group);
		return;
	}
	group = custody_survey_table_group(relid);
	s->watched = lappend_oid(s->watched, relid);
	s->protection = protection;
	if (group != NULL)
		custody_survey_guarded(s, group, describe, relid);
	UnlockRelationOid(relid, AccessShareLock);
}
