/*
 * tiles.c
 *	  The files of a C2SP tlog-tiles directory, made from what is stored.
 *	  SQL: custody.tiles().
 *
 * Full tiles are given out as stored, partial ones are made of the tiles below
 * them, entry bundles of block headers and transaction records.  What is given
 * out stays, so each is compared with the hash above it, and the right edge with
 * the signed root: whatever was made before the last file leads there.
 *
 * Reads under one snapshot, on a hot standby as well.  Locks: AccessShareLock
 * while a relation is scanned.  Memory: one file at a time, in a context that
 * is reset after each.  custody.tiles() collects the files in a tuplestore, which
 * spills to disk.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/ledger.h"
#include "pg/reader.h"
#include "pg/tiles.h"
#include "pg/treehash.h"

/* How often progress is reported. */
#define PROGRESS_INTERVAL_MS 2000

/* A leaf of an entry bundle has a length of 16 bits before it. */
#define LEAF_MAX PG_UINT16_MAX

typedef struct Maker
{
	const CustodyTiles *tiles;
	CustodyTileSink *sink;
	CustodyTreeHash *hashes;
	uint64		size;
	bool		edge;			/* there is a partial tile so far */
	uint8		root[CC_DIGEST_SIZE];	/* of the partial tiles so far */
	MemoryContext file;			/* reset per file */
	/* progress, in leaves; those in bundles count again */
	uint64		done;
	uint64		all;
	TimestampTz started;
	TimestampTz reported;
} Maker;

static void
report_progress(Maker *m)
{
	TimestampTz now = GetCurrentTimestamp();
	double		seconds;

	if (now - m->reported < PROGRESS_INTERVAL_MS * INT64CONST(1000))
		return;
	m->reported = now;
	seconds = (now - m->started) / 1e6;
	ereport(NOTICE,
			(errmsg("tiles of size " UINT64_FORMAT ": %.0f %%, %.0f leaves/s",
					m->size, 100.0 * m->done / Max(m->all, 1), m->done / seconds)));
}

/* Hand over one tile or bundle. */
static void
put_tile(Maker *m, const cc_tile *tile, const void *data, Size len)
{
	char		path[CC_TILE_PATH_MAX + 1];

	(void) cc_tile_path(path, tile);
	m->sink->put(m->sink, path, data, len);
	if (tile->level <= 0)
		m->done += tile->width;
	report_progress(m);
}

static void
refuse_tile(const cc_tile *tile)
{
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
			 errmsg("tile " UINT64_FORMAT " of level %d is missing or altered",
					tile->index, tile->level),
			 errdetail("The log cannot be exported without it."),
			 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
}

/* Compare a full tile with its hash in the tile above. */
static void
check_tile(Maker *m, const cc_tile *tile, const uint8 *hashes)
{
	int			height = (tile->level + 1) * CC_TILE_HEIGHT;
	cc_subtree	subtree = {tile->index << height, UINT64CONST(1) << height};
	uint8		above[CC_DIGEST_SIZE];
	uint8		root[CC_DIGEST_SIZE];

	cc_tile_root(root, hashes);
	custody_treehash_get(m->hashes, &subtree, above);
	if (!cc_equal(root, above, CC_DIGEST_SIZE))
		refuse_tile(tile);
}

/* Full tiles of a level from 'first' on, read in one pass. */
static void
put_full_tiles(Maker *m, int level, uint64 first, uint64 end)
{
	cc_tile		tile = cc_tile_at(level, first, m->size);
	ScanKeyData keys[3];
	CustodyScan scan;

	if (first >= end)
		return;
	ScanKeyInit(&keys[0], Anum_tile_level, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum(level));
	custody_catalog_key_int8(&keys[1], Anum_tile_tile_index,
							 BTGreaterEqualStrategyNumber, (int64) first);
	custody_catalog_key_int8(&keys[2], Anum_tile_tile_index,
							 BTLessStrategyNumber, (int64) end);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TILE, CUSTODY_TILE_PKEY,
							   m->tiles->snapshot, ForwardScanDirection, 3, keys);
	while (custody_catalog_scan_next(&scan))
	{
		MemoryContext old = MemoryContextSwitchTo(m->file);
		bytea	   *hashes = custody_catalog_get_bytea(&scan, Anum_tile_hashes);

		CHECK_FOR_INTERRUPTS();
		if (DatumGetInt64(custody_catalog_get(&scan, Anum_tile_tile_index)) != (int64) tile.index ||
			VARSIZE_ANY_EXHDR(hashes) != CC_TILE_BYTES)
			refuse_tile(&tile);
		check_tile(m, &tile, (const uint8 *) VARDATA_ANY(hashes));
		put_tile(m, &tile, VARDATA_ANY(hashes), CC_TILE_BYTES);
		tile.index++;
		MemoryContextSwitchTo(old);
		MemoryContextReset(m->file);
	}
	custody_catalog_scan_end(&scan);
	if (tile.index != end)
		refuse_tile(&tile);
}

/* Hash the perfect subtrees of a partial tile to what is right of them. */
static void
fold_edge(Maker *m, const uint8 *hashes, int width)
{
	uint8		node[CC_DIGEST_SIZE];

	for (int n = 1; n <= width; n *= 2)
	{
		if ((width & n) == 0)
			continue;
		custody_treehash_fold(node, hashes + (width & ~(2 * n - 1)) * CC_DIGEST_SIZE, n);
		if (m->edge)
			cc_merkle_node(m->root, node, m->root);
		else
			memcpy(m->root, node, CC_DIGEST_SIZE);
		m->edge = true;
	}
}

static void
put_partial_tile(Maker *m, const cc_tile *tile)
{
	int			height = tile->level * CC_TILE_HEIGHT;
	uint8		hashes[CC_TILE_BYTES];
	cc_subtree	subtree;

	subtree.count = UINT64CONST(1) << height;
	for (int i = 0; i < tile->width; i++)
	{
		CHECK_FOR_INTERRUPTS();
		subtree.first = (tile->index * CC_TILE_WIDTH + i) << height;
		custody_treehash_get(m->hashes, &subtree, hashes + i * CC_DIGEST_SIZE);
	}
	fold_edge(m, hashes, tile->width);
	put_tile(m, tile, hashes, (Size) tile->width * CC_DIGEST_SIZE);
}

static void
put_tiles(Maker *m)
{
	for (int level = 0; level < CC_TILE_LEVELS; level++)
	{
		uint64		full = cc_tile_full(level, m->size);
		cc_tile		last = cc_tile_at(level, full, m->size);

		put_full_tiles(m, level, cc_tile_full(level, m->tiles->since), full);
		if (last.width > 0)
			put_partial_tile(m, &last);
	}
}

/* Entry bundles */

static void
refuse_leaf(uint64 index)
{
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
			 errmsg("bytes of leaf " UINT64_FORMAT " are missing or altered", index),
			 errdetail("An entry bundle cannot be made without them."),
			 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
}

static void
append_leaf(StringInfo out, uint64 index, const bytea *leaf, const bytea *stored)
{
	Size		len = leaf == NULL ? 0 : VARSIZE_ANY_EXHDR(leaf);
	uint8		prefix[2];
	uint8		hash[CC_DIGEST_SIZE];

	if (leaf == NULL || VARSIZE_ANY_EXHDR(stored) != CC_DIGEST_SIZE)
		refuse_leaf(index);
	cc_merkle_leaf(hash, VARDATA_ANY(leaf), len);
	if (!cc_equal(hash, VARDATA_ANY(stored), CC_DIGEST_SIZE))
		refuse_leaf(index);
	if (len > LEAF_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("leaf " UINT64_FORMAT " is too long for an entry bundle", index),
				 errdetail("It has %zu bytes; a bundle holds leaves of at most %d.", len, LEAF_MAX),
				 errhint("Export without entries; custody.leaf() and custody.export() give the leaf.")));
	cc_store_u16(prefix, (uint16) len);
	appendBinaryStringInfo(out, (const char *) prefix, sizeof(prefix));
	appendBinaryStringInfo(out, VARDATA_ANY(leaf), len);
}

static void
append_leaves(Maker *m, StringInfo out, const cc_tile *tile)
{
	uint64		index = tile->index * CC_TILE_WIDTH;
	uint64		end = index + tile->width;
	ScanKeyData keys[2];
	CustodyScan scan;

	custody_catalog_key_int8(&keys[0], Anum_leaf_leaf_index,
							 BTGreaterEqualStrategyNumber, (int64) index);
	custody_catalog_key_int8(&keys[1], Anum_leaf_leaf_index,
							 BTLessStrategyNumber, (int64) end);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY,
							   m->tiles->snapshot, ForwardScanDirection, 2, keys);
	while (custody_catalog_scan_next(&scan))
	{
		bool		is_header;
		Datum		txn_no = custody_catalog_getattr(&scan, Anum_leaf_txn_no, &is_header);

		if (DatumGetInt64(custody_catalog_get(&scan, Anum_leaf_leaf_index)) != (int64) index)
			break;
		append_leaf(out, index, is_header ?
					custody_ledger_header((int64) index, m->tiles->snapshot) :
					custody_reader_record(DatumGetInt64(txn_no), m->tiles->snapshot),
					custody_catalog_get_bytea(&scan, Anum_leaf_leaf_hash));
		index++;
	}
	custody_catalog_scan_end(&scan);
	if (index != end)
		refuse_leaf(index);
}

static void
put_bundles(Maker *m)
{
	cc_tile_walk walk;

	cc_tile_walk_init(&walk, CC_TILE_ENTRIES, m->tiles->entries_since, m->size);
	while (cc_tile_walk_next(&walk))
	{
		MemoryContext old = MemoryContextSwitchTo(m->file);
		StringInfoData bundle;

		CHECK_FOR_INTERRUPTS();
		initStringInfo(&bundle);
		append_leaves(m, &bundle, &walk.tile);
		put_tile(m, &walk.tile, bundle.data, bundle.len);
		MemoryContextSwitchTo(old);
		MemoryContextReset(m->file);
	}
}

/* All files */

static void
check_root(const Maker *m)
{
	if (cc_equal(m->root, m->tiles->signed_log->checkpoint.root, CC_DIGEST_SIZE))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
			 errmsg("stored hashes do not lead to the checkpoint of size " UINT64_FORMAT, m->size),
			 errdetail("Tiles made of them would not verify."),
			 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
}

void
custody_tiles_make(const CustodyTiles *tiles, CustodyTileSink *sink)
{
	Maker		m = {tiles, sink};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pg_custody tiles", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	m.file = AllocSetContextCreate(context, "pg_custody tile", ALLOCSET_DEFAULT_SIZES);
	m.hashes = custody_treehash_begin(tiles->snapshot);
	m.size = tiles->signed_log->checkpoint.size;
	m.all = m.size - tiles->since + (tiles->entries ? m.size - tiles->entries_since : 0);
	m.started = m.reported = GetCurrentTimestamp();
	put_tiles(&m);
	check_root(&m);
	if (tiles->entries)
		put_bundles(&m);
	custody_tiles_make_keys(tiles, sink);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* SQL */

typedef struct RowSink
{
	CustodyTileSink sink;
	Tuplestorestate *store;
	TupleDesc	desc;
} RowSink;

static void
put_row(CustodyTileSink *sink, const char *path, const void *data, Size len)
{
	RowSink    *rows = (RowSink *) sink;
	text	   *name = cstring_to_text(path);
	bytea	   *content = custody_catalog_bytea(data, len);
	Datum		values[2] = {PointerGetDatum(name), PointerGetDatum(content)};
	bool		nulls[2] = {false, false};

	tuplestore_putvalues(rows->store, rows->desc, values, nulls);
	pfree(content);
	pfree(name);
}

PG_FUNCTION_INFO_V1(custody_sql_tiles);
/* custody.tiles(since bigint, entries boolean, tree_size bigint) */
Datum
custody_sql_tiles(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	RowSink		rows = {{put_row}};
	CustodyTiles tiles = {GetActiveSnapshot()};
	int64		since = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	int64		size = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	rows.store = rsinfo->setResult;
	rows.desc = rsinfo->setDesc;
	tiles.signed_log = custody_prove_signed(PG_ARGISNULL(2) ? NULL : &size, tiles.snapshot);
	if (since < 0 || (uint64) since > tiles.signed_log->checkpoint.size)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the log of size " UINT64_FORMAT " has no tiles since size " INT64_FORMAT,
						tiles.signed_log->checkpoint.size, since),
				 errdetail("The size that is held already must be between 0 and the size asked for."),
				 errhint("Give the size in the checkpoint of the tiles you hold.")));
	tiles.since = tiles.entries_since = (uint64) since;
	tiles.entries = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	custody_tiles_make(&tiles, &rows.sink);
	put_row(&rows.sink, "checkpoint", VARDATA_ANY(tiles.signed_log->note),
			VARSIZE_ANY_EXHDR(tiles.signed_log->note));
	return (Datum) 0;
}
