/*
 * largeobject.h
 *	  What a row's recorded state says of a large object it names
 *	  (doc/format.md section 3.1).
 */
#ifndef CUSTODY_LARGEOBJECT_H
#define CUSTODY_LARGEOBJECT_H

#include "utils/snapshot.h"

/*
 * The object as a snapshot sees it, as text in the current context: its length
 * and digest, or that it is missing or damaged.  Rights on it do not matter.
 */
extern char *custody_largeobject_text(Oid loid, Snapshot snapshot);
/*
 * A registered snapshot of what is committed and, of the current transaction's
 * own changes, all or nothing.  Caller has a snapshot of the transaction.
 */
extern Snapshot custody_largeobject_snapshot(bool own);
/*
 * Grows with every change that the current transaction makes to large objects;
 * negative: nobody counts.
 */
extern int64 custody_largeobject_changes(void);

#endif							/* CUSTODY_LARGEOBJECT_H */
