/*
 * treehash.c
 *	  Hashes of subtrees of the log, read from what is stored.
 *
 * A perfect subtree lies within one full tile, or its root is the root of a
 * full tile; else (above the last full tile of its level) its root is in the
 * frontier of the block that completed it, or it is split in two.  The right
 * half of such a subtree never is in a frontier, but all left halves below it
 * are, so that a hash takes a number of reads logarithmic in the log's size.
 *
 * What is read is not checked here: the caller compares the proof with the
 * signed root.  A missing tile or block only makes a hash slower to find.
 *
 * Locks: AccessShareLock while a relation is scanned.  Memory: the last tile
 * of each level, in the context current at the beginning.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/fmgroids.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/treehash.h"

#define TILE_LEVELS (64 / CC_TILE_HEIGHT)

/* The hashes of a tile that are stored: 256, or leaves, or none. */
typedef struct Tile
{
	bool		loaded;
	uint64		index;
	int			n;
	uint8		hashes[CC_TILE_BYTES];
} Tile;

struct CustodyTreeHash
{
	Snapshot	snapshot;
	Tile		tiles[TILE_LEVELS];
};

CustodyTreeHash *
custody_treehash_begin(Snapshot snapshot)
{
	CustodyTreeHash *t = palloc0(sizeof(CustodyTreeHash));

	t->snapshot = snapshot;
	return t;
}

void
custody_treehash_fold(uint8 out[CC_DIGEST_SIZE], const uint8 *hashes, int n)
{
	uint8		nodes[CC_TILE_BYTES];

	Assert(n > 0 && n <= CC_TILE_WIDTH && (n & (n - 1)) == 0);
	memcpy(nodes, hashes, (size_t) n * CC_DIGEST_SIZE);
	for (; n > 1; n /= 2)
		for (int i = 0; i < n / 2; i++)
			cc_merkle_node(nodes + i * CC_DIGEST_SIZE,
						   nodes + 2 * i * CC_DIGEST_SIZE,
						   nodes + (2 * i + 1) * CC_DIGEST_SIZE);
	memcpy(out, nodes, CC_DIGEST_SIZE);
}

/* Load a full tile; false if it is not stored. */
static bool
load_full_tile(CustodyTreeHash *t, Tile *tile, int level)
{
	ScanKeyData keys[2];
	CustodyScan scan;

	ScanKeyInit(&keys[0], Anum_tile_level, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum(level));
	custody_catalog_key_int8(&keys[1], Anum_tile_tile_index,
							 BTEqualStrategyNumber, (int64) tile->index);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TILE, CUSTODY_TILE_PKEY,
							   t->snapshot, ForwardScanDirection, 2, keys);
	if (custody_catalog_scan_next(&scan))
	{
		bytea	   *hashes = custody_catalog_get_bytea(&scan, Anum_tile_hashes);

		if (VARSIZE_ANY_EXHDR(hashes) == CC_TILE_BYTES)
		{
			memcpy(tile->hashes, VARDATA_ANY(hashes), CC_TILE_BYTES);
			tile->n = CC_TILE_WIDTH;
		}
		pfree(hashes);
	}
	custody_catalog_scan_end(&scan);
	return tile->n == CC_TILE_WIDTH;
}

/* Load the leaf hashes that a tile would hold. */
static void
load_leaves(CustodyTreeHash *t, Tile *tile)
{
	int64		first = (int64) (tile->index * CC_TILE_WIDTH);
	ScanKeyData key;
	CustodyScan scan;

	custody_catalog_key_int8(&key, Anum_leaf_leaf_index,
							 BTGreaterEqualStrategyNumber, first);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY,
							   t->snapshot, ForwardScanDirection, 1, &key);
	while (tile->n < CC_TILE_WIDTH && custody_catalog_scan_next(&scan))
	{
		bytea	   *hash = custody_catalog_get_bytea(&scan, Anum_leaf_leaf_hash);
		int64		index = DatumGetInt64(custody_catalog_get(&scan, Anum_leaf_leaf_index));

		if (index != first + tile->n || VARSIZE_ANY_EXHDR(hash) != CC_DIGEST_SIZE)
			break;
		memcpy(tile->hashes + tile->n * CC_DIGEST_SIZE, VARDATA_ANY(hash),
			   CC_DIGEST_SIZE);
		tile->n++;
		pfree(hash);
	}
	custody_catalog_scan_end(&scan);
}

static const Tile *
get_tile(CustodyTreeHash *t, int level, uint64 index)
{
	Tile	   *tile = &t->tiles[level];

	if (tile->loaded && tile->index == index)
		return tile;
	CHECK_FOR_INTERRUPTS();
	tile->loaded = false;
	tile->index = index;
	tile->n = 0;
	if (!load_full_tile(t, tile, level) && level == 0)
		load_leaves(t, tile);
	tile->loaded = true;
	return tile;
}

/*
 * Take the hash of subtree 'index' of 2^height leaves from the frontier of the
 * block that completed it; false if it is in none.
 */
static bool
from_frontier(CustodyTreeHash *t, int height, uint64 index, uint8 *out)
{
	uint64		end = (index + 1) << height;
	cc_frontier frontier;
	ScanKeyData key;
	CustodyScan scan;
	bool		found = false;

	if (index % 2 == 1)
		return false;			/* is merged with its left neighbour at once */
	custody_catalog_key_int8(&key, Anum_block_tree_size,
							 BTGreaterEqualStrategyNumber, (int64) end);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_BLOCK, CUSTODY_BLOCK_TREE_SIZE,
							   t->snapshot, ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
	{
		uint64		size = DatumGetInt64(custody_catalog_get(&scan, Anum_block_tree_size));
		bytea	   *nodes = custody_catalog_get_bytea(&scan, Anum_block_frontier);

		if (size >> height == index + 1 &&
			cc_frontier_load(&frontier, size, VARDATA_ANY(nodes),
							 VARSIZE_ANY_EXHDR(nodes)) == CC_OK)
		{
			/* Larger subtrees stand before it. */
			memcpy(out, frontier.nodes[pg_popcount64((index + 1) >> 1)], CC_DIGEST_SIZE);
			found = true;
		}
		pfree(nodes);
	}
	custody_catalog_scan_end(&scan);
	return found;
}

static void
refuse_gap(uint64 index)
{
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
			 errmsg("leaf " UINT64_FORMAT " of the log is missing", index),
			 errdetail("A proof cannot be made without its hash."),
			 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
}

/* Hash of the perfect subtree number 'index' of 2^height leaves. */
static void
perfect(CustodyTreeHash *t, int height, uint64 index, uint8 *out)
{
	int			level = height / CC_TILE_HEIGHT;
	int			width = 1 << height % CC_TILE_HEIGHT;
	uint64		first = index * width;
	const Tile *tile = get_tile(t, level, first / CC_TILE_WIDTH);
	uint8		halves[2][CC_DIGEST_SIZE];

	if (first % CC_TILE_WIDTH + width <= tile->n)
	{
		custody_treehash_fold(out, tile->hashes + first % CC_TILE_WIDTH * CC_DIGEST_SIZE,
							  width);
		return;
	}
	if (level == 0)
		refuse_gap(tile->index * CC_TILE_WIDTH + tile->n);
	if (width == 1)
	{
		tile = get_tile(t, level - 1, index);
		if (tile->n == CC_TILE_WIDTH)
		{
			cc_tile_root(out, tile->hashes);
			return;
		}
	}
	if (from_frontier(t, height, index, out))
		return;
	perfect(t, height - 1, 2 * index, halves[0]);
	perfect(t, height - 1, 2 * index + 1, halves[1]);
	cc_merkle_node(out, halves[0], halves[1]);
}

void
custody_treehash_get(CustodyTreeHash *t, const cc_subtree *subtree,
					 uint8 out[CC_DIGEST_SIZE])
{
	int			height = pg_leftmost_one_pos64(subtree->count);
	uint64		left = UINT64CONST(1) << height;
	cc_subtree	right;
	uint8		halves[2][CC_DIGEST_SIZE];

	/* A subtree of a proof begins at a multiple of its left part's size. */
	perfect(t, height, subtree->first >> height, halves[0]);
	if (subtree->count == left)
	{
		memcpy(out, halves[0], CC_DIGEST_SIZE);
		return;
	}
	right.first = subtree->first + left;
	right.count = subtree->count - left;
	custody_treehash_get(t, &right, halves[1]);
	cc_merkle_node(out, halves[0], halves[1]);
}
