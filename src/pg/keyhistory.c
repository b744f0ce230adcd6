/*
 * keyhistory.c
 *	  The key history beside the tiles: who signed which sizes, and the last
 *	  checkpoint of every epoch that has ended (doc/format.md section 11).
 *
 * Epochs never go back from one block to the next, so where each ends is found
 * by halving: a number of reads logarithmic in the blocks, per epoch.  An epoch
 * whose key was lost before it signed has a line without sizes.
 *
 * Locks, snapshot and memory as for tiles.c.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/encode.h"
#include "core/keyline.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/ledger.h"
#include "pg/tiles.h"

typedef struct Block
{
	int64		number;
	int64		size;			/* of the log after it */
	uint32		epoch;
} Block;

/* The block with a number or size; raises if there is none. */
static void
find_block(Block *block, CustodyIndex index, int column, int64 value, Snapshot snapshot)
{
	ScanKeyData key;
	CustodyScan scan;
	cc_block	header;
	cc_status	status = CC_E_TRUNCATED;

	custody_catalog_key_int8(&key, column, BTEqualStrategyNumber, value);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_BLOCK, index, snapshot,
							   ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
	{
		bytea	   *bytes = custody_catalog_get_bytea(&scan, Anum_block_header);

		block->number = DatumGetInt64(custody_catalog_get(&scan, Anum_block_block_no));
		block->size = DatumGetInt64(custody_catalog_get(&scan, Anum_block_tree_size));
		status = cc_block_decode(&header, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
		block->epoch = header.epoch;
		pfree(bytes);
	}
	custody_catalog_scan_end(&scan);
	custody_check_ledger(status, column == Anum_block_block_no ?
						 psprintf("block " INT64_FORMAT, value) :
						 psprintf("block of size " INT64_FORMAT, value));
}

/* The last block of an epoch or an earlier one, from 'before' on up to 'end'. */
static Block
last_of_epoch(uint32 epoch, const Block *before, const Block *end, Snapshot snapshot)
{
	Block		low = *before;
	int64		above = end->number + 1;

	if (end->epoch <= epoch)
		return *end;
	while (above - low.number > 1)
	{
		Block		middle;

		CHECK_FOR_INTERRUPTS();
		find_block(&middle, CUSTODY_BLOCK_PKEY, Anum_block_block_no,
				   low.number + (above - low.number) / 2, snapshot);
		if (middle.epoch <= epoch)
			low = middle;
		else
			above = middle.number;
	}
	return low;
}

/* Size of the first checkpoint in a direction within (after, upto]; 0 if none. */
static uint64
signed_within(ScanDirection direction, int64 after, int64 upto, Snapshot snapshot)
{
	ScanKeyData keys[2];
	CustodyScan scan;
	uint64		size = 0;

	custody_catalog_key_int8(&keys[0], Anum_checkpoint_tree_size, BTGreaterStrategyNumber, after);
	custody_catalog_key_int8(&keys[1], Anum_checkpoint_tree_size, BTLessEqualStrategyNumber, upto);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT, CUSTODY_CHECKPOINT_PKEY,
							   snapshot, direction, 2, keys);
	if (custody_catalog_scan_next(&scan))
		size = DatumGetInt64(custody_catalog_get(&scan, Anum_checkpoint_tree_size));
	custody_catalog_scan_end(&scan);
	return size;
}

static void
put_checkpoint(CustodyTileSink *sink, uint64 size, Snapshot snapshot)
{
	int64		tree_size = (int64) size;
	CustodySigned *log = custody_prove_signed(&tree_size, snapshot);
	char	   *path = psprintf("checkpoints/" UINT64_FORMAT, size);

	sink->put(sink, path, VARDATA_ANY(log->note), VARSIZE_ANY_EXHDR(log->note));
}

/* The line of an epoch that sealed the sizes (after, upto]. */
static void
add_epoch(StringInfo keys, const CustodyTiles *tiles, CustodyTileSink *sink,
		  uint32 epoch, int64 after, int64 upto)
{
	char	   *verifier_key = custody_ledger_verifier_key(epoch);
	char		text[CC_KEY_LINE_MAX + 1];
	cc_key_line line;

	line.epoch = epoch;
	line.first = signed_within(ForwardScanDirection, after, upto, tiles->snapshot);
	line.last = 0;
	if (line.first != 0 && (uint64) upto < tiles->signed_log->checkpoint.size)
	{
		line.last = signed_within(BackwardScanDirection, after, upto, tiles->snapshot);
		put_checkpoint(sink, line.last, tiles->snapshot);
	}
	custody_check_ledger(verifier_key == NULL ? CC_E_TRUNCATED :
						 cc_vkey_parse(&line.key, verifier_key, strlen(verifier_key)),
						 psprintf("verifier key of epoch %u", epoch));
	appendBinaryStringInfo(keys, text, (int) cc_key_line_format(text, &line));
}

void
custody_tiles_make_keys(const CustodyTiles *tiles, CustodyTileSink *sink)
{
	StringInfoData keys;
	Block		before = {-1, 0, 0};
	Block		end;

	initStringInfo(&keys);
	find_block(&end, CUSTODY_BLOCK_TREE_SIZE, Anum_block_tree_size,
			   (int64) tiles->signed_log->checkpoint.size, tiles->snapshot);
	for (uint32 epoch = 1; epoch <= end.epoch; epoch++)
	{
		Block		last = last_of_epoch(epoch, &before, &end, tiles->snapshot);

		add_epoch(&keys, tiles, sink, epoch, before.size, last.size);
		before = last;
	}
	sink->put(sink, "keys", keys.data, keys.len);
}
