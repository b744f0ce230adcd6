/*
 * trigger.h
 *	  The triggers that protection puts on tables.
 */
#ifndef CUSTODY_TRIGGER_H
#define CUSTODY_TRIGGER_H

/*
 * Names of the triggers.  The row trigger sorts before any other, so that an
 * entry comes before those of the changes other triggers make because of it.
 */
#define CUSTODY_ROW_TRIGGER "!custody_capture"
#define CUSTODY_TRUNCATE_TRIGGER "!custody_truncate"

/* True while this module makes or drops triggers: the event triggers then
 * have nothing to record. */
extern bool custody_trigger_running_ddl(void);
/* Is that the name of one of our triggers? */
extern bool custody_trigger_is_ours(const char *name);
/* Does the table have a trigger of that name? */
extern bool custody_trigger_exists(Oid relid, const char *name);
/* Give a protected table its row trigger. */
extern void custody_trigger_make_row(Oid relid);
/* Give a leaf its truncate trigger if it has none. */
extern void custody_trigger_make_truncate(Oid leaf);
extern void custody_trigger_drop(Oid relid, const char *name);

#endif							/* CUSTODY_TRIGGER_H */
