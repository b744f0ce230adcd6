/*
 * entrytree.c
 *	  Proofs in the level-1 tree: an entry is one of its transaction's.
 *
 * Of a large transaction the roots of subtrees of 256 entries were stored when
 * it was sealed (sealentries.c), so that a proof reads a few chunks and not all of
 * them.  These rows spare work and decide nothing: where they are missing or do
 * not lead to the root in the record, every entry is hashed again.
 *
 * Locks: AccessShareLock while a relation is scanned.  Memory: current context.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/entrytree.h"
#include "pg/error.h"
#include "pg/reader.h"
#include "pg/treehash.h"

/* Entries under one row of log_subtree. */
#define ROW_ENTRIES ((uint64) CC_TILE_WIDTH * CC_TILE_WIDTH)

typedef struct EntryTree
{
	int64		txn_no;
	Snapshot	snapshot;
	CustodyDefinitions *definitions;
	bool		stored;			/* use log_subtree */
	/* the row of log_subtree read last */
	uint64		row;
	int			nhashes;		/* -1: none was read */
	uint8		hashes[CC_TILE_BYTES];
} EntryTree;

static void
load_row(EntryTree *t, uint64 row)
{
	ScanKeyData keys[2];
	CustodyScan scan;

	if (t->nhashes >= 0 && t->row == row)
		return;
	CHECK_FOR_INTERRUPTS();
	t->row = row;
	t->nhashes = 0;
	custody_catalog_key_int8(&keys[0], Anum_subtree_txn_no, BTEqualStrategyNumber, t->txn_no);
	custody_catalog_key_int8(&keys[1], Anum_subtree_tile_index, BTEqualStrategyNumber,
							 (int64) row);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_SUBTREE, CUSTODY_SUBTREE_PKEY,
							   t->snapshot, ForwardScanDirection, 2, keys);
	if (custody_catalog_scan_next(&scan))
	{
		bytea	   *hashes = custody_catalog_get_bytea(&scan, Anum_subtree_hashes);
		Size		len = Min(VARSIZE_ANY_EXHDR(hashes), CC_TILE_BYTES);

		t->nhashes = (int) (len / CC_DIGEST_SIZE);
		memcpy(t->hashes, VARDATA_ANY(hashes), len);
		pfree(hashes);
	}
	custody_catalog_scan_end(&scan);
}

/* A perfect subtree within one row of log_subtree; false if it is not stored. */
static bool
from_stored(EntryTree *t, const cc_subtree *s, uint8 *out)
{
	int			first = (int) (s->first % ROW_ENTRIES / CC_TILE_WIDTH);
	int			n = (int) (s->count / CC_TILE_WIDTH);

	if (!t->stored || s->count < CC_TILE_WIDTH || s->count > ROW_ENTRIES ||
		(s->count & (s->count - 1)) != 0)
		return false;
	load_row(t, s->first / ROW_ENTRIES);
	if (first + n > t->nhashes)
		return false;
	custody_treehash_fold(out, t->hashes + first * CC_DIGEST_SIZE, n);
	return true;
}

/* Hash the entries of a subtree. */
static void
from_entries(EntryTree *t, const cc_subtree *s, uint8 *out)
{
	CustodyEntryWalk walk;
	cc_frontier frontier;
	bool		found;

	cc_frontier_init(&frontier);
	custody_reader_walk_from(&walk, t->txn_no, (int64) s->first, t->snapshot);
	walk.definitions = t->definitions;
	found = custody_reader_walk_to(&walk, (int64) s->first);
	while (found)
	{
		uint8		hash[CC_DIGEST_SIZE];

		if (walk.first_in_chunk)
			CHECK_FOR_INTERRUPTS();
		cc_merkle_leaf(hash, walk.committed.data, walk.committed.len);
		cc_frontier_append(&frontier, hash);
		found = frontier.size < s->count && custody_reader_walk_next(&walk);
	}
	custody_reader_walk_end(&walk);
	cc_frontier_root(&frontier, out);
}

static void
get_hash(EntryTree *t, const cc_subtree *s, uint8 *out)
{
	cc_subtree	halves[2];
	uint8		hashes[2][CC_DIGEST_SIZE];

	if (from_stored(t, s, out))
		return;
	if (!t->stored || s->count <= CC_TILE_WIDTH)
	{
		from_entries(t, s, out);
		return;
	}
	halves[0].first = s->first;
	halves[0].count = UINT64CONST(1) << pg_leftmost_one_pos64(s->count - 1);
	halves[1].first = s->first + halves[0].count;
	halves[1].count = s->count - halves[0].count;
	get_hash(t, &halves[0], hashes[0]);
	get_hash(t, &halves[1], hashes[1]);
	cc_merkle_node(out, hashes[0], hashes[1]);
}

/* Make the path; false if it does not lead to the root. */
static bool
make_path(EntryTree *t, uint8 (*path)[CC_DIGEST_SIZE], const cc_subtree *nodes,
		  int n, uint64 entry_no, const uint8 *entry_hash, const cc_record *record)
{
	for (int i = 0; i < n; i++)
		get_hash(t, &nodes[i], path[i]);
	return cc_proof_check_inclusion((const uint8_t (*)[CC_DIGEST_SIZE]) path, n,
									entry_hash, entry_no, record->entry_count,
									record->root) == CC_OK;
}

int
custody_entrytree_prove(uint8 (*path)[CC_DIGEST_SIZE], int64 txn_no, uint64 entry_no,
						const uint8 entry_hash[CC_DIGEST_SIZE],
						const cc_record *record, Snapshot snapshot)
{
	EntryTree  *t = palloc0(sizeof(EntryTree));
	cc_subtree	nodes[CC_PROOF_MAX];
	int			n;
	bool		good;

	custody_check_ledger(cc_proof_inclusion_nodes(nodes, &n, entry_no, record->entry_count),
						 "entry number");
	t->txn_no = txn_no;
	t->snapshot = snapshot;
	t->definitions = custody_definitions_begin(snapshot);
	t->nhashes = -1;
	load_row(t, 0);
	t->stored = t->nhashes > 0;
	good = make_path(t, path, nodes, n, entry_no, entry_hash, record);
	if (!good && t->stored)
	{
		t->stored = false;
		good = make_path(t, path, nodes, n, entry_no, entry_hash, record);
	}
	pfree(t);
	if (!good)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
				 errmsg("stored entries do not lead to the root of their transaction"),
				 errdetail("A proof of entry " UINT64_FORMAT " of transaction number " INT64_FORMAT " would not verify.",
						   entry_no, txn_no),
				 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
	return n;
}
