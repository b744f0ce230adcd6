/*
 * pickup.h
 *	  Which transactions a block takes up: those visible now that were not
 *	  when the last block was made.
 */
#ifndef CUSTODY_PICKUP_H
#define CUSTODY_PICKUP_H

#include "pg/reader.h"

typedef struct CustodyPicked
{
	uint64		commit_number;	/* PG_UINT64_MAX: record is unreadable */
	uint64		xact_id;
	int64		txn_no;
	CustodyTransactionRow *row; /* NULL: not kept */
} CustodyPicked;

typedef struct CustodyBatch
{
	CustodyPicked *items;		/* in the order of the block */
	Size		n;
	Size		capacity;
} CustodyBatch;

/* Text form of the active snapshot, palloc'd. */
extern char *custody_pickup_snapshot(void);
/*
 * Take up what is visible in an MVCC snapshot and was not in 'since'; since
 * NULL: what has no leaf yet, whatever its transaction id.  Of the rows read
 * for that the first are kept, up to 'keep' bytes.
 */
extern void custody_pickup(CustodyBatch *batch, const char *since, Snapshot snapshot,
						   Size keep);
/* The row of one taken up, kept or read again; false: it is not there. */
extern bool custody_picked_row(const CustodyPicked *picked, Snapshot snapshot,
							   CustodyTransactionRow *row);

#endif							/* CUSTODY_PICKUP_H */
