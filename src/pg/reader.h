/*
 * reader.h
 *	  Reading the ledger back: rows of log_transaction, leaves, the entries of
 *	  a transaction, transactions not yet sealed.
 *
 * All under one snapshot.  Bytes are given as stored, committed parts as they
 * follow from what is stored; nothing is verified here and nothing raises
 * because stored bytes are wrong: the caller decides.
 */
#ifndef CUSTODY_READER_H
#define CUSTODY_READER_H

#include "nodes/pg_list.h"
#include "utils/snapshot.h"

#include "core/chunk.h"
#include "pg/catalog.h"
#include "pg/definitions.h"

/* Rows */

/* A row of log_transaction; its bytes in the current context. */
typedef struct CustodyTransactionRow
{
	uint64		xact_id;
	int64		txn_no;
	int64		first_entry;
	bytea	   *record;			/* open: without root */
	bytea	   *entries;
	TransactionId xmin;			/* who stored it; may be frozen */
} CustodyTransactionRow;

/* False if there is none with that id and number. */
extern bool custody_reader_transaction(uint64 xact_id, int64 txn_no, Snapshot snapshot,
									   CustodyTransactionRow *row);
/* By number alone; slow for one that neither is sealed nor exists. */
extern bool custody_reader_find(int64 txn_no, Snapshot snapshot,
								CustodyTransactionRow *row);
/* By number alone, without asking log_leaf. */
extern bool custody_reader_search(int64 txn_no, Snapshot snapshot,
								  CustodyTransactionRow *row);
/* Read the row a scan of log_transaction is at. */
extern void custody_reader_row(CustodyScan *scan, CustodyTransactionRow *row);
/* Is the row a scan is at visible in an MVCC snapshot?  It is committed. */
extern bool custody_reader_shows(CustodyScan *scan, Snapshot snapshot);

/* A row of log_leaf that is a transaction's. */
typedef struct CustodyLeaf
{
	int64		leaf_index;
	int64		txn_no;			/* 0: of a block header */
	uint64		xact_id;
	bool		has_root;
	uint8		root[CC_DIGEST_SIZE];
} CustodyLeaf;

/* By transaction number; false: not sealed. */
extern bool custody_reader_leaf(int64 txn_no, Snapshot snapshot, CustodyLeaf *leaf);
/* By position. */
extern bool custody_reader_leaf_at(int64 leaf_index, Snapshot snapshot, CustodyLeaf *leaf);
/* Read the row a scan of log_leaf is at. */
extern void custody_reader_leaf_row(CustodyScan *scan, CustodyLeaf *leaf);
/* Leaf index of a transaction, -1 if not sealed. */
extern int64 custody_reader_leaf_index(int64 txn_no, Snapshot snapshot);

/*
 * The bytes of a leaf: an open record with its root.  One that is no open
 * record is a leaf as it stands.
 */
extern bytea *custody_reader_sealed_record(const bytea *record,
										   const uint8 root[CC_DIGEST_SIZE]);
/* The bytes of a transaction's leaf, or its open record if it is not sealed;
 * NULL if there is none. */
extern bytea *custody_reader_record(int64 txn_no, Snapshot snapshot);
/* Decode either. */
extern cc_status custody_reader_decode(cc_record *record, const bytea *bytes);

/* The bytes of a stored value. */
extern cc_slice custody_reader_slice(const bytea *bytes);

/* Entries */

/*
 * Length of the bare head of an entry, which stands for a committed part that
 * does not follow from what is stored.
 */
#define CUSTODY_HEAD_BYTES 10

/* One chunk of a transaction's entries, detoasted. */
typedef struct CustodyChunk
{
	int64		txn_no;
	int64		first_entry;
	bytea	   *entries;
} CustodyChunk;

/*
 * Walk the entries of one transaction in order.  What an entry's slices and
 * the chunk point to is valid until the next call.
 */
typedef struct CustodyEntryWalk
{
	Snapshot	snapshot;
	MemoryContext parent;		/* that was current when the walk began */
	MemoryContext context;		/* of the walk */
	MemoryContext chunk_context;	/* holds the chunk */
	/* set after beginning: */
	bool		heads_only;		/* 'committed' is not wanted */
	CustodyDefinitions *definitions;	/* NULL: the walk loads its own */
	const cc_schema *(*find_schema) (void *arg, uint32 relation, uint32 version);
	void	   *find_arg;		/* asked instead, if find_schema is set */
	/* where entries come from */
	bool		in_chunks;		/* scan is open */
	CustodyScan scan;			/* of log_chunk */
	bool		have_last;
	CustodyChunk last;			/* the chunk in log_transaction */
	bool		only_chunk;		/* end after the next chunk */
	bool		in_chunk;
	CustodyChunk chunk;
	cc_chunk	reader;
	/* the current entry */
	int64		entry_no;
	cc_entry	head;			/* commitments only where 'committed' is set */
	cc_slice	committed;
	cc_slice	private_part;
	const cc_schema *schema;	/* NULL: none, or not known */
	const cc_private *opened;	/* NULL: no whole private part, or heads_only */
	bool		first_in_chunk;
	bool		last_in_chunk;
	/* so far */
	int64		next_entry_no;
	bool		damaged;		/* a chunk cannot be taken apart, or chunks do
								 * not follow each other */
	/* room */
	cc_private	room;
	uint8		committed_room[CC_ROW_ENTRY_MAX];
} CustodyEntryWalk;

/* Walk from the transaction's first entry. */
extern void custody_reader_walk_begin(CustodyEntryWalk *walk, int64 txn_no, Snapshot snapshot);
/* The same; row: the transaction's, which must outlive the walk, or NULL. */
extern void custody_reader_walk_row(CustodyEntryWalk *walk, int64 txn_no,
									const CustodyTransactionRow *row, Snapshot snapshot);
/* Walk the one chunk that begins with an entry. */
extern void custody_reader_walk_chunk(CustodyEntryWalk *walk, int64 txn_no,
									  int64 first_entry, Snapshot snapshot);
/*
 * Walk from the chunk that holds an entry to the end of the transaction;
 * xact_id 0: not known.
 */
extern void custody_reader_walk_from(CustodyEntryWalk *walk, int64 txn_no,
									 int64 entry_no, Snapshot snapshot);
extern void custody_reader_walk_at(CustodyEntryWalk *walk, uint64 xact_id, int64 txn_no,
								   int64 entry_no, Snapshot snapshot);
extern bool custody_reader_walk_next(CustodyEntryWalk *walk);
/* Pass entries before one; false if it is not there. */
extern bool custody_reader_walk_to(CustodyEntryWalk *walk, int64 entry_no);
extern void custody_reader_walk_end(CustodyEntryWalk *walk);

/* A transaction that is not sealed. */
typedef struct CustodyUnsealed
{
	uint64		xact_id;
	int64		txn_no;
	uint64		commit_number;	/* PG_UINT64_MAX: record is unreadable */
} CustodyUnsealed;

/*
 * Every transaction that has a record and no leaf, in the order in which
 * sealing would take them: list of CustodyUnsealed * in the current context.
 * Reads both relations whole; tail.h has a quicker way.
 */
extern List *custody_reader_unsealed(Snapshot snapshot);
extern CustodyUnsealed *custody_reader_make_unsealed(uint64 xact_id, int64 txn_no,
													 Snapshot snapshot);
extern int	custody_reader_compare_unsealed(const ListCell *a, const ListCell *b);

#endif							/* CUSTODY_READER_H */
