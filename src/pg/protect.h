/*
 * protect.h
 *	  Beginning and ending the protection of a table.
 */
#ifndef CUSTODY_PROTECT_H
#define CUSTODY_PROTECT_H

#include "utils/rel.h"

#include "pg/schema.h"

/*
 * Names of the triggers.  The row trigger sorts before any other, so that an
 * entry comes before those of the changes other triggers make because of it.
 */
#define CUSTODY_ROW_TRIGGER "!custody_capture"
#define CUSTODY_TRUNCATE_TRIGGER "!custody_truncate"

/* True while this module makes or drops triggers: the event triggers then
 * have nothing to record. */
extern bool custody_protect_running_ddl(void);
/* Is that the name of one of our triggers? */
extern bool custody_protect_is_trigger(const char *name);
/* Does the table have a trigger of that name? */
extern bool custody_protect_has_trigger(Oid relid, const char *name);
/* Give a leaf its truncate trigger if it has none. */
extern void custody_protect_truncate_trigger(Oid leaf);
extern void custody_protect_drop_trigger(Oid relid, const char *name);
/* Record all rows of a leaf as baseline; returns how many.  Caller holds at
 * least ShareRowExclusiveLock. */
extern uint64 custody_protect_baseline(Relation leaf);
/* End a protection: the event and its row.  Leaves triggers alone. */
extern void custody_protect_release(const CustodyProtection *p,
									const char *schema, const char *table,
									const char *reason);
/* A column of a protected table has another name. */
typedef struct CustodyRenaming
{
	const char *before;
	const char *after;
} CustodyRenaming;
/* End a protection and begin it anew with columns named as they are now. */
extern void custody_protect_renew(const CustodyProtection *p,
								  const CustodyRenaming *renaming);

#endif							/* CUSTODY_PROTECT_H */
