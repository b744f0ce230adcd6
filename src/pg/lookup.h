/*
 * lookup.h
 *	  Finding entries by lookup number (doc/format.md section 3.5).
 */
#ifndef CUSTODY_LOOKUP_H
#define CUSTODY_LOOKUP_H

#include "nodes/pg_list.h"
#include "utils/snapshot.h"

/* Where a chunk of entries is. */
typedef struct CustodyPosition
{
	int64		txn_no;
	int64		first_entry;
} CustodyPosition;

/*
 * Chunks in which at least one entry has one of the numbers: list of
 * CustodyPosition *, in no order, each once.  Numbers may collide and a chunk
 * holds several entries: the caller compares keys.
 */
extern List *custody_lookup_chunks(const int64 *numbers, int n, Snapshot snapshot);

#endif							/* CUSTODY_LOOKUP_H */
