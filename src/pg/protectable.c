/*
 * protectable.c
 *	  Which tables can be protected, and by whom.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/canonical.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/protectable.h"
#include "pg/schema.h"

static void
refuse_kind(Relation rel, const char *what, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("cannot protect %s \"%s\"", what,
					RelationGetRelationName(rel)),
			 errdetail("Only permanent, logged tables of this database can be protected."),
			 errhint("%s", hint)));
}

static void
check_kind(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);

	if (IsCatalogRelation(rel) || IsToastRelation(rel) ||
		RelationGetNamespace(rel) == get_namespace_oid("information_schema", true))
		refuse_kind(rel, "system table", "Protect tables of applications.");
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			break;
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
			refuse_kind(rel, "view", "Protect the tables the view reads.");
			break;
		case RELKIND_FOREIGN_TABLE:
			refuse_kind(rel, "foreign table", "Protect the table on the server where it lives.");
			break;
		default:
			refuse_kind(rel, "relation", "Name a table.");
	}
	if (custody_catalog_is_ours(relid))
		refuse_kind(rel, "ledger table", "The ledger protects itself; protect tables of applications.");
	if (RelationUsesLocalBuffers(rel) || isAnyTempNamespace(RelationGetNamespace(rel)))
		refuse_kind(rel, "temporary table", "Protect a permanent table.");
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED)
		refuse_kind(rel, "unlogged table", "Run ALTER TABLE ... SET LOGGED first: a crash would empty the table without an entry.");
}

Relation
custody_protectable_open(Oid relid)
{
	Relation	rel = try_relation_open(relid, ShareRowExclusiveLock);

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid),
				 errdetail("It was dropped, or never was."),
				 errhint("Name an existing table.")));
	return rel;
}

void
custody_protectable_check_rights(Relation rel)
{
	if (!custody_compat_is_owner(RelationGetRelid(rel), GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE,
					   RelationGetRelationName(rel));
}

static void
check_not_protected(Relation rel)
{
	Oid			root = custody_schema_root(RelationGetRelid(rel));

	if (custody_schema_protection(root, SnapshotSelf) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_ALREADY_PROTECTED),
				 errmsg("table \"%s\" is already protected",
						RelationGetRelationName(rel)),
				 errdetail("Its protection is recorded in custody.protected_tables."),
				 errhint("Run \"SELECT custody.unprotect('%s', 'reason')\" first to change subject or mode.",
						 get_rel_name(root))));
}

/* A partition under protection of its own has our triggers already. */
static void
check_partitions(Relation rel)
{
	ListCell   *lc;

	if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return;
	foreach(lc, find_all_inheritors(RelationGetRelid(rel),
									ShareRowExclusiveLock, NULL))
	{
		Oid			part = lfirst_oid(lc);

		if (part != RelationGetRelid(rel) &&
			custody_schema_protection(part, SnapshotSelf) != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_CUSTODY_ALREADY_PROTECTED),
					 errmsg("partition \"%s\" of table \"%s\" is already protected",
							get_rel_name(part), RelationGetRelationName(rel)),
					 errdetail("A partition is protected alone or with its root, not both."),
					 errhint("Run \"SELECT custody.unprotect('%s', 'reason')\" first.",
							 get_rel_name(part))));
	}
}

static void
check_subject(Relation rel, const char *subject)
{
	if (subject == NULL || custody_schema_attnum(RelationGetRelid(rel), subject) > 0)
		return;
	if (get_attnum(RelationGetRelid(rel), subject) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("virtual column \"%s\" of table \"%s\" cannot name the subject",
						subject, RelationGetRelationName(rel)),
				 errdetail("What is computed when it is read is not recorded."),
				 errhint("Name a stored column, or leave subject out.")));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of table \"%s\" does not exist",
					subject, RelationGetRelationName(rel)),
			 errdetail("The subject column names the person a row is about."),
			 errhint("Name an existing column, or leave subject out.")));
}

/* Columns that may name large objects, of a table whose rows have names. */
static void
check_large_objects(Relation rel, List *names)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		AttrNumber	attnum = get_attnum(RelationGetRelid(rel), lfirst(lc));

		if (attnum <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of table \"%s\" does not exist",
							(char *) lfirst(lc), RelationGetRelationName(rel)),
					 errdetail("Each of large_objects names a column that holds OIDs of large objects."),
					 errhint("Name existing columns, or leave large_objects out.")));
		if (!custody_canonical_names_object(TupleDescAttr(RelationGetDescr(rel), attnum - 1)))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of table \"%s\" cannot name large objects",
							(char *) lfirst(lc), RelationGetRelationName(rel)),
					 errdetail("A column that names large objects is stored and of type oid, or of a domain over it."),
					 errhint("Name another column, or leave large_objects out.")));
	}
	if (names != NIL && !custody_schema_has_key(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot record the large objects of table \"%s\", which has no key",
						RelationGetRelationName(rel)),
				 errdetail("Rows without a key are told apart by their columns alone."),
				 errhint("Add a primary key, or leave large_objects out.")));
}

void
custody_protectable_check(Relation rel, const char *subject, List *large_objects)
{
	check_kind(rel);
	custody_protectable_check_rights(rel);
	check_not_protected(rel);
	check_partitions(rel);
	check_subject(rel, subject);
	check_large_objects(rel, large_objects);
}
