/*
 * past.h
 *	  Entries in the order of the log, opened: what history is made of.
 */
#ifndef CUSTODY_PAST_H
#define CUSTODY_PAST_H

#include "pg/pastentry.h"

typedef struct CustodyPast CustodyPast;

/* Walk entries of these relation numbers; NULL = every entry. */
extern CustodyPast *custody_past_begin(CustodyLayouts *layouts,
									   Bitmapset *relations, Snapshot snapshot);
/* The same from a leaf on.  Not for values: see custody_past_resolve. */
extern CustodyPast *custody_past_begin_at(CustodyLayouts *layouts,
										  Bitmapset *relations,
										  int64 leaf_index, Snapshot snapshot);
/* Walk only entries that have one of the lookup numbers, and what is not sealed. */
extern CustodyPast *custody_past_begin_lookup(CustodyLayouts *layouts,
											  Bitmapset *relations,
											  const int64 *numbers, int n,
											  Snapshot snapshot);
extern CustodyPastEntry *custody_past_next(CustodyPast *past);
extern void custody_past_end(CustodyPast *past);

/*
 * Replace references among values (of entries already walked) by the bytes an
 * earlier entry keeps; what nothing holds any more stays a reference.
 */
extern void custody_past_resolve(CustodyPast *past, cc_value *values, int n);

#endif							/* CUSTODY_PAST_H */
