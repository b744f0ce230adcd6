/*
 * compat.h
 *	  The only place that knows PostgreSQL major versions (15 and later).
 */
#ifndef CUSTODY_COMPAT_H
#define CUSTODY_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "pg_custody needs PostgreSQL 15 or later"
#endif

#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
/*
 * Port keeps its offsets whether or not GSSAPI is compiled in, so its headers
 * are not needed to read the other fields.
 */
#undef ENABLE_GSS

#include "libpq/hba.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/tuplesort.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
/* Rights are asked for in a list of their own, not in the range table. */
#define CUSTODY_PERMISSIONS_APART
#endif

/* PostgreSQL 18 has this word, for the head of a declaration. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* Authenticated identity of this session and how it was proven, or NULL. */
static inline const char *
custody_compat_authn_id(const char **method)
{
#if PG_VERSION_NUM >= 160000
	*method = hba_authname(MyClientConnectionInfo.auth_method);
	return MyClientConnectionInfo.authn_id;
#else
	/* The line of pg_hba.conf is freed after log-in: the method is lost. */
	*method = "authenticated";
	return MyProcPort == NULL ? NULL : MyProcPort->authn_id;
#endif
}

static inline bool
custody_compat_is_owner(Oid relid, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relid, role);
#else
	return pg_class_ownercheck(relid, role);
#endif
}

static inline bool
custody_compat_owns_database(Oid database)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, database, GetUserId());
#else
	return pg_database_ownercheck(database, GetUserId());
#endif
}

/*
 * Is the column kept in the rows?  A dropped one is not, nor is a virtual
 * generated one (18): it is computed when it is read.
 */
static inline bool
custody_compat_is_stored(const FormData_pg_attribute *att)
{
#if PG_VERSION_NUM >= 180000
	if (att->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
		return false;
#endif
	return !att->attisdropped;
}

/* Next datum of a sort, as a copy that belongs to the caller. */
static inline bool
custody_compat_getdatum(Tuplesortstate *sort, Datum *datum, bool *isnull)
{
#if PG_VERSION_NUM >= 160000
	return tuplesort_getdatum(sort, true, true, datum, isnull, NULL);
#else
	return tuplesort_getdatum(sort, true, datum, isnull, NULL);
#endif
}

#endif							/* CUSTODY_COMPAT_H */
