/*
 * compat.h
 *	  The only place that knows PostgreSQL major versions (15 and later).
 */
#ifndef CUSTODY_COMPAT_H
#define CUSTODY_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "pg_custody needs PostgreSQL 15 or later"
#endif

#endif							/* CUSTODY_COMPAT_H */
