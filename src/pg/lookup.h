/*
 * lookup.h
 *	  Finding entries by lookup number (doc/format.md section 3.5).
 */
#ifndef CUSTODY_LOOKUP_H
#define CUSTODY_LOOKUP_H

#include "utils/snapshot.h"

#define CUSTODY_NOT_SEALED PG_INT64_MAX
#define CUSTODY_ANY_ENTRY (-1)

/* Where an entry is. */
typedef struct CustodyPosition
{
	int64		leaf_index;		/* CUSTODY_NOT_SEALED */
	uint64		commit_number;	/* of a transaction that is not sealed */
	uint64		xact_id;
	int64		txn_no;
	int64		entry_no;		/* CUSTODY_ANY_ENTRY: the transaction's, all */
} CustodyPosition;

/*
 * Entries that have one of the numbers, each once, in the order of the log;
 * then every transaction that is not sealed, as a whole.  Numbers may collide:
 * the caller compares keys.
 */
extern CustodyPosition *custody_lookup_entries(const int64 *numbers, int n,
											   Snapshot snapshot, int *count);

#endif							/* CUSTODY_LOOKUP_H */
