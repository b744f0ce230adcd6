/*
 * longvalue.h
 *	  Where the bytes of long values are that entries refer to.
 */
#ifndef CUSTODY_LONGVALUE_H
#define CUSTODY_LONGVALUE_H

#include "pg/pastentry.h"

typedef struct CustodyLongValues CustodyLongValues;

/*
 * Lives in the current context.  snapshot: for entries; ledger_snapshot: for
 * what the sealer writes.  With search, values of a row whose key
 * changed are searched under its old keys when they are asked for.
 */
extern CustodyLongValues *custody_longvalue_begin(CustodyLayouts *layouts,
												  const Bitmapset *relations,
												  Snapshot snapshot, Snapshot ledger_snapshot,
												  bool search);
/* Remember what an open entry holds. */
extern void custody_longvalue_note(CustodyLongValues *lv, const CustodyPastEntry *entry);
/*
 * Replace references among values by the bytes noted, in the current context;
 * what nothing holds any more stays a reference.
 */
extern void custody_longvalue_resolve(CustodyLongValues *lv, cc_value *values, int n);

#endif							/* CUSTODY_LONGVALUE_H */
