/*
 * protectable.h
 *	  Which tables can be protected, and by whom.
 */
#ifndef CUSTODY_PROTECTABLE_H
#define CUSTODY_PROTECTABLE_H

#include "nodes/pg_list.h"
#include "utils/rel.h"

/* Open a table that a user named, with ShareRowExclusiveLock; raises 42P01 if
 * there is none. */
extern Relation custody_protectable_open(Oid relid);
/* Raise 42501 unless the user owns the table. */
extern void custody_protectable_check_rights(Relation rel);
/* Raise what speaks against protecting the table with that subject (NULL =
 * none) and those columns (char *) that name large objects. */
extern void custody_protectable_check(Relation rel, const char *subject,
									  List *large_objects);

#endif							/* CUSTODY_PROTECTABLE_H */
