/*
 * tree.c
 *	  Appending leaves to the stored tree: positions, full tiles, frontier.
 *
 * Invariant: log_leaf holds every leaf hash, log_tile every tile of 256 that
 * is full, at each level, and nothing else.  A tile of level n + 1 is made of
 * the roots of 256 tiles of level n; these are read back when the last of
 * them is stored, which is once in 65536 leaves.
 *
 * Who may call: the holder of the sealing lock, in the transaction that writes
 * the block.  Reads use SnapshotSelf, which sees this transaction's own rows.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/tree.h"

static void
check_length(const bytea *b, Size len, const char *what)
{
	if (VARSIZE_ANY_EXHDR(b) != len)
		custody_check_ledger(CC_E_FORM, what);
}

/* Read the hashes of the leaves after the last full tile. */
static void
load_partial(CustodyTree *tree)
{
	int64		size = (int64) tree->frontier.size;
	int64		next = size - size % CC_TILE_WIDTH;
	ScanKeyData key;
	CustodyScan scan;

	if (next == size)
		return;
	custody_catalog_key_int8(&key, Anum_leaf_leaf_index,
							 BTGreaterEqualStrategyNumber, next);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY,
							   SnapshotSelf, ForwardScanDirection, 1, &key);
	while (next < size && custody_catalog_scan_next(&scan))
	{
		bytea	   *hash = custody_catalog_get_bytea(&scan, Anum_leaf_leaf_hash);

		if (DatumGetInt64(custody_catalog_get(&scan, Anum_leaf_leaf_index)) != next)
			break;
		check_length(hash, CC_DIGEST_SIZE, "leaf hash");
		memcpy(tree->tile + next % CC_TILE_WIDTH * CC_DIGEST_SIZE,
			   VARDATA_ANY(hash), CC_DIGEST_SIZE);
		pfree(hash);
		next++;
	}
	custody_catalog_scan_end(&scan);
	if (next != size)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
				 errmsg("leaf " INT64_FORMAT " of the log is missing", next),
				 errdetail("The last block says that the log has " INT64_FORMAT " leaves.", size),
				 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
}

void
custody_tree_open(CustodyTree *tree, const cc_frontier *frontier)
{
	tree->frontier = *frontier;
	load_partial(tree);
	custody_catalog_append_begin(&tree->leaves, CUSTODY_LOG_LEAF);
}

void
custody_tree_close(CustodyTree *tree)
{
	custody_catalog_append_end(&tree->leaves);
}

static void
store_tile(int level, int64 tile_index, const uint8 hashes[CC_TILE_BYTES])
{
	Datum		values[Anum_tile_hashes];
	bool		nulls[Anum_tile_hashes] = {0};
	bytea	   *bytes = custody_catalog_bytea(hashes, CC_TILE_BYTES);

	values[Anum_tile_level - 1] = Int16GetDatum(level);
	values[Anum_tile_tile_index - 1] = Int64GetDatum(tile_index);
	values[Anum_tile_hashes - 1] = PointerGetDatum(bytes);
	custody_catalog_insert(CUSTODY_LOG_TILE, values, nulls);
	pfree(bytes);
}

/* Compute the tile above 256 full ones. */
static void
make_upper_tile(uint8 hashes[CC_TILE_BYTES], int level, int64 tile_index)
{
	int64		next = tile_index * CC_TILE_WIDTH;
	int			n = 0;
	ScanKeyData keys[2];
	CustodyScan scan;

	ScanKeyInit(&keys[0], Anum_tile_level, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum(level - 1));
	custody_catalog_key_int8(&keys[1], Anum_tile_tile_index,
							 BTGreaterEqualStrategyNumber, next);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TILE, CUSTODY_TILE_PKEY,
							   SnapshotSelf, ForwardScanDirection, 2, keys);
	while (n < CC_TILE_WIDTH && custody_catalog_scan_next(&scan))
	{
		bytea	   *tile = custody_catalog_get_bytea(&scan, Anum_tile_hashes);

		CHECK_FOR_INTERRUPTS();
		if (DatumGetInt64(custody_catalog_get(&scan, Anum_tile_tile_index)) != next + n)
			break;
		check_length(tile, CC_TILE_BYTES, "tile");
		cc_tile_root(hashes + n * CC_DIGEST_SIZE, (uint8 *) VARDATA_ANY(tile));
		pfree(tile);
		n++;
	}
	custody_catalog_scan_end(&scan);
	if (n != CC_TILE_WIDTH)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
				 errmsg("tile " INT64_FORMAT " of level %d is missing", next + n, level - 1),
				 errdetail("The tile above it cannot be computed without it."),
				 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
}

/* Store the full tile of leaf hashes, and tiles above that it completes. */
static void
store_full_tiles(CustodyTree *tree)
{
	int64		count = (int64) tree->frontier.size / CC_TILE_WIDTH;
	int			level = 0;

	store_tile(level, count - 1, tree->tile);
	while (count % CC_TILE_WIDTH == 0)
	{
		uint8		hashes[CC_TILE_BYTES];

		count /= CC_TILE_WIDTH;
		level++;
		make_upper_tile(hashes, level, count - 1);
		store_tile(level, count - 1, hashes);
	}
}

static void
store_leaf(CustodyTree *tree, const CustodyTreeLeaf *leaf,
		   const uint8 leaf_hash[CC_DIGEST_SIZE])
{
	Datum		values[Anum_leaf_marks] = {0};
	bool		nulls[Anum_leaf_marks];
	bytea	   *hash = custody_catalog_bytea(leaf_hash, CC_DIGEST_SIZE);
	bytea	   *root = NULL;
	bytea	   *marks = NULL;

	memset(nulls, leaf == NULL, sizeof(nulls));
	values[Anum_leaf_leaf_index - 1] = Int64GetDatum((int64) tree->frontier.size);
	nulls[Anum_leaf_leaf_index - 1] = false;
	values[Anum_leaf_leaf_hash - 1] = PointerGetDatum(hash);
	nulls[Anum_leaf_leaf_hash - 1] = false;
	if (leaf != NULL)
	{
		root = custody_catalog_bytea(leaf->root, CC_DIGEST_SIZE);
		values[Anum_leaf_txn_no - 1] = Int64GetDatum(leaf->txn_no);
		values[Anum_leaf_xact_id - 1] = UInt64GetDatum(leaf->xact_id);
		values[Anum_leaf_root - 1] = PointerGetDatum(root);
		nulls[Anum_leaf_marks - 1] = leaf->marks == NULL;
		if (leaf->marks != NULL)
			marks = custody_catalog_bytea(leaf->marks, leaf->marks_len);
		values[Anum_leaf_marks - 1] = PointerGetDatum(marks);
	}
	custody_catalog_append(&tree->leaves, values, nulls);
	pfree(hash);
	if (root != NULL)
		pfree(root);
	if (marks != NULL)
		pfree(marks);
}

void
custody_tree_append(CustodyTree *tree, const CustodyTreeLeaf *leaf,
					const uint8 leaf_hash[CC_DIGEST_SIZE])
{
	store_leaf(tree, leaf, leaf_hash);
	memcpy(tree->tile + tree->frontier.size % CC_TILE_WIDTH * CC_DIGEST_SIZE,
		   leaf_hash, CC_DIGEST_SIZE);
	cc_frontier_append(&tree->frontier, leaf_hash);
	if (tree->frontier.size % CC_TILE_WIDTH == 0)
		store_full_tiles(tree);
}
