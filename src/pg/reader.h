/*
 * reader.h
 *	  Reading the ledger back: leaves in order, the entries of a transaction,
 *	  transactions not yet sealed, entries by lookup number.
 *
 * All under one snapshot.  Bytes are given as stored; nothing is verified
 * here and nothing raises because stored bytes are wrong: the caller decides.
 */
#ifndef CUSTODY_READER_H
#define CUSTODY_READER_H

#include "core/encode.h"
#include "nodes/pg_list.h"
#include "utils/snapshot.h"

/* One chunk of a transaction's entries, detoasted in the current context. */
typedef struct CustodyChunk
{
	int64		txn_no;
	int64		first_entry;
	bytea	   *entries;
	bytea	   *private_part;
	ArrayType  *lookup;
} CustodyChunk;

/* Walk the entries of one transaction in order. */
typedef struct CustodyEntryWalk
{
	struct CustodyScan *scan;
	CustodyChunk chunk;
	cc_reader	entries;
	cc_reader	privates;
	int64		entry_no;		/* number of the current entry */
	cc_slice	committed;
	cc_slice	private_part;
	bool		damaged;		/* framing of a chunk is not canonical */
} CustodyEntryWalk;

extern void custody_reader_walk_begin(CustodyEntryWalk *walk, int64 txn_no, Snapshot snapshot);
extern bool custody_reader_walk_next(CustodyEntryWalk *walk);
extern void custody_reader_walk_end(CustodyEntryWalk *walk);

/* Leaf index of a transaction, -1 if not sealed. */
extern int64 custody_reader_leaf_index(int64 txn_no, Snapshot snapshot);
/* Transaction record bytes by number, NULL if there is none. */
extern bytea *custody_reader_record(int64 txn_no, Snapshot snapshot);
/* Transaction numbers not sealed, in commit order: list of int64 * . */
extern List *custody_reader_unsealed(Snapshot snapshot);

#endif							/* CUSTODY_READER_H */
