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

#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/snapshot.h"

#include "core/encode.h"
#include "pg/catalog.h"

/* One chunk of a transaction's entries, detoasted. */
typedef struct CustodyChunk
{
	int64		txn_no;
	int64		first_entry;
	bytea	   *entries;
	bytea	   *private_part;
	ArrayType  *lookup;
} CustodyChunk;

/*
 * Walk the entries of one transaction in order.  What an entry's slices and
 * the chunk point to is valid until the next call.
 */
typedef struct CustodyEntryWalk
{
	CustodyScan scan;
	MemoryContext parent;		/* that was current when the walk began */
	MemoryContext context;		/* holds the chunk */
	bool		in_chunk;
	CustodyChunk chunk;
	cc_reader	entries;
	cc_reader	privates;
	/* the current entry */
	int64		entry_no;
	cc_slice	committed;
	cc_slice	private_part;
	bool		first_in_chunk;
	bool		last_in_chunk;
	/* so far */
	int64		next_entry_no;
	bool		damaged;		/* framing of a chunk is not canonical, or
								 * chunks do not follow each other */
} CustodyEntryWalk;

/* Walk from the transaction's first entry. */
extern void custody_reader_walk_begin(CustodyEntryWalk *walk, int64 txn_no, Snapshot snapshot);
/* Walk the one chunk that holds an entry, from the chunk's first entry. */
extern void custody_reader_walk_chunk(CustodyEntryWalk *walk, int64 txn_no,
									  int64 first_entry, Snapshot snapshot);
/* Walk from the chunk that holds an entry to the end of the transaction. */
extern void custody_reader_walk_from(CustodyEntryWalk *walk, int64 txn_no,
									 int64 entry_no, Snapshot snapshot);
extern bool custody_reader_walk_next(CustodyEntryWalk *walk);
extern void custody_reader_walk_end(CustodyEntryWalk *walk);

/* The bytes of a stored value. */
extern cc_slice custody_reader_slice(const bytea *bytes);
/* Leaf index of a transaction, -1 if not sealed. */
extern int64 custody_reader_leaf_index(int64 txn_no, Snapshot snapshot);
/* Transaction record bytes by number, NULL if there is none. */
extern bytea *custody_reader_record(int64 txn_no, Snapshot snapshot);

/* A transaction that is not sealed. */
typedef struct CustodyUnsealed
{
	int64		txn_no;
	uint64		commit_number;	/* PG_UINT64_MAX: record is unreadable */
} CustodyUnsealed;

/*
 * Every transaction that has a record and no leaf, in the order in which
 * sealing would take them: list of CustodyUnsealed * in the current context.
 * Reads both relations whole.
 */
extern List *custody_reader_unsealed(Snapshot snapshot);

#endif							/* CUSTODY_READER_H */
