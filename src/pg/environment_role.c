/*
 * environment_role.c
 *	  Roles with power over the ledger, as environment items: superusers and
 *	  the like, owners, those who may use schema custody, the server's own
 *	  roles that reach files or processes, and every member of such a role.
 *
 * Passwords are never read.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_namespace.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pg/environment.h"

/* Membership as in pg_auth_members. */
typedef struct Member
{
	Oid			role;
	Oid			member;
	const char *text;
} Member;

static const char *
role_text(Form_pg_authid form, HeapTuple tuple, TupleDesc desc)
{
	StringInfoData buf;
	bool		isnull;
	Datum		until = heap_getattr(tuple, Anum_pg_authid_rolvaliduntil, desc, &isnull);

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s%s%s%s%s%s%s",
					 form->rolsuper ? "superuser " : "", form->rolbypassrls ? "bypassrls " : "",
					 form->rolreplication ? "replication " : "", form->rolcreaterole ? "createrole " : "",
					 form->rolcreatedb ? "createdb " : "", form->rolcanlogin ? "login " : "",
					 form->rolinherit ? "inherit " : "");
	if (!isnull)
		appendStringInfo(&buf, "valid until %s ",
						 DatumGetCString(DirectFunctionCall1(timestamptz_out, until)));
	if (buf.len > 0)
		buf.data[--buf.len] = '\0';
	return buf.data;
}

/* Roles that have power by themselves, and the text of every role. */
static List *
powerful_roles(CustodySurvey *s, List *powerful)
{
	Relation	rel = table_open(AuthIdRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, s->snapshot, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_authid form = (Form_pg_authid) GETSTRUCT(tuple);

		/* The server's own roles reach files, processes or all data. */
		if (form->rolsuper || form->rolbypassrls || form->rolreplication ||
			form->rolcreaterole || form->oid < FirstNormalObjectId)
			powerful = list_append_unique_oid(powerful, form->oid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return powerful;
}

/* Who may use the ledger's schema. */
static List *
schema_users(List *powerful)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(get_namespace_oid("custody", false)));
	bool		isnull;
	Datum		datum;

	if (!HeapTupleIsValid(tuple))
		return powerful;
	datum = SysCacheGetAttr(NAMESPACEOID, tuple, Anum_pg_namespace_nspacl, &isnull);
	if (!isnull)
	{
		Acl		   *acl = DatumGetAclP(datum);

		for (int i = 0; i < ACL_NUM(acl); i++)
			if (OidIsValid(ACL_DAT(acl)[i].ai_grantee))
				powerful = list_append_unique_oid(powerful, ACL_DAT(acl)[i].ai_grantee);
	}
	ReleaseSysCache(tuple);
	return powerful;
}

/* The options that PostgreSQL 16 has besides. */
static const char *
member_text(HeapTuple tuple, TupleDesc desc)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		isnull;
		Datum		datum;

		if (att->atttypid != BOOLOID || att->attisdropped)
			continue;
		datum = heap_getattr(tuple, i + 1, desc, &isnull);
		if (!isnull && DatumGetBool(datum))
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? " " : "", NameStr(att->attname));
	}
	return buf.data;
}

static List *
memberships(CustodySurvey *s)
{
	Relation	rel = table_open(AuthMemRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, s->snapshot, 0, NULL);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_auth_members form = (Form_pg_auth_members) GETSTRUCT(tuple);
		Member	   *m = palloc(sizeof(Member));

		m->role = form->roleid;
		m->member = form->member;
		m->text = psprintf("%s by %s", member_text(tuple, RelationGetDescr(rel)),
						   custody_item_role(form->grantor));
		result = lappend(result, m);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* Members of a powerful role are powerful. */
static List *
add_members(List *powerful, List *members)
{
	ListCell   *lc;
	bool		grown;

	do
	{
		int			n = list_length(powerful);

		foreach(lc, members)
		{
			Member	   *m = lfirst(lc);

			if (list_member_oid(powerful, m->role))
				powerful = list_append_unique_oid(powerful, m->member);
		}
		grown = list_length(powerful) > n;
	} while (grown);
	return powerful;
}

static void
put_role(CustodySurvey *s, Oid role)
{
	Relation	rel = table_open(AuthIdRelationId, AccessShareLock);
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));

	if (HeapTupleIsValid(tuple))
	{
		custody_items_add(s->items, psprintf("role %s", custody_item_role(role)),
						  role_text((Form_pg_authid) GETSTRUCT(tuple), tuple, RelationGetDescr(rel)));
		ReleaseSysCache(tuple);
	}
	table_close(rel, AccessShareLock);
}

/* Owners whose roles are to be described, for the guarded call. */
static List *described_owners;

static void
describe(CustodySurvey *s, const char *group, Oid unused)
{
	List	   *powerful = schema_users(powerful_roles(s, list_copy(described_owners)));
	List	   *members = memberships(s);
	ListCell   *lc;

	powerful = add_members(powerful, members);
	foreach(lc, powerful)
		put_role(s, lfirst_oid(lc));
	foreach(lc, members)
	{
		Member	   *m = lfirst(lc);

		if (list_member_oid(powerful, m->role))
			custody_items_add(s->items, psprintf("role %s/member of %s", custody_item_role(m->member),
												 custody_item_role(m->role)), m->text);
	}
}

void
custody_survey_roles(CustodySurvey *s, List *owners)
{
	described_owners = owners;
	custody_survey_guarded(s, "roles", describe, InvalidOid);
	described_owners = NIL;
}
