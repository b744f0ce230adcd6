/*
 * verify_walk.c
 *	  Rows of log_block and log_leaf, in order, for the walk over the ledger.
 *
 * Rows of log_block whose columns contradict their own header are reported and
 * set aside; they still serve where nothing better is at hand.
 *
 * Memory: the scans outlive a leaf, so they advance in the run's context; a
 * block's row is in a context of its own.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/compat.h"
#include "pg/reader.h"
#include "pg/verify_walk.h"

/* Rows of log_block */

static void
read_block(CustodyWalk *w, CustodyBlockRow *row)
{
	row->block_no = DatumGetInt64(custody_catalog_get(&w->blocks, Anum_block_block_no));
	row->tree_size = DatumGetInt64(custody_catalog_get(&w->blocks, Anum_block_tree_size));
	row->header = custody_catalog_get_bytea(&w->blocks, Anum_block_header);
	row->frontier = custody_catalog_get_bytea(&w->blocks, Anum_block_frontier);
	row->decoded = cc_block_decode(&row->h, VARDATA_ANY(row->header),
								   VARSIZE_ANY_EXHDR(row->header)) == CC_OK;
}

/* Do the columns agree with the header? */
static bool
is_sound(const CustodyBlockRow *row)
{
	return row->decoded && row->block_no >= 0 && row->tree_size > 0 &&
		row->h.leaves > 0 &&
		row->h.number == (uint64) row->block_no &&
		row->h.first_leaf <= PG_INT64_MAX - row->h.leaves &&
		row->h.first_leaf + row->h.leaves == (uint64) row->tree_size;
}

void
custody_walk_blocks_begin(CustodyWalk *w)
{
	ScanKeyData key;

	custody_catalog_key_int8(&key, Anum_block_block_no, BTGreaterEqualStrategyNumber, PG_INT64_MIN);
	custody_catalog_scan_begin(&w->blocks, CUSTODY_LOG_BLOCK, CUSTODY_BLOCK_PKEY,
							   w->v->snapshot, ForwardScanDirection, 1, &key);
}

/* Report and keep the rows that contradict themselves. */
void
custody_walk_set_aside(CustodyWalk *w)
{
	CustodyVerify *v = w->v;

	custody_walk_blocks_begin(w);
	while (custody_catalog_scan_next(&w->blocks))
	{
		CustodyBlockRow	row;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(v->scratch);
		MemoryContextSwitchTo(v->scratch);
		read_block(w, &row);
		MemoryContextSwitchTo(v->context);
		if (!is_sound(&row))
		{
			CustodyBlockRow   *kept = palloc(sizeof(CustodyBlockRow));

			read_block(w, kept);
			w->misfiled = lappend(w->misfiled, kept);
			custody_verify_tampering(v, "block_altered", NULL,
									 row.decoded && row.h.first_leaf <= PG_INT64_MAX ?
									 (int64) row.h.first_leaf : CUSTODY_NO_LEAF, NULL,
									 row.decoded ? "block %lld in log_block: number or size is not what its header says" :
									 "block %lld in log_block: the header is unreadable",
									 (long long) row.block_no);
		}
	}
	custody_catalog_scan_end(&w->blocks);
}

/* Move to the next sound row. */
void
custody_walk_next_block(CustodyWalk *w)
{
	MemoryContext old = CurrentMemoryContext;

	do
	{
		/* A scan may allocate what it keeps. */
		MemoryContextSwitchTo(w->v->context);
		w->have_block = custody_catalog_scan_next(&w->blocks);
		MemoryContextReset(w->block_context);
		MemoryContextSwitchTo(w->block_context);
		if (w->have_block)
			read_block(w, &w->block);
	} while (w->have_block && !is_sound(&w->block));
	MemoryContextSwitchTo(old);
}

/* A row set aside that may be the one of the block beginning at w->size. */
CustodyBlockRow *
custody_walk_find_misfiled(CustodyWalk *w)
{
	ListCell   *lc;

	foreach(lc, w->misfiled)
	{
		CustodyBlockRow   *row = lfirst(lc);

		if (row->decoded && row->h.first_leaf == (uint64) w->size)
			return row;
	}
	foreach(lc, w->misfiled)
	{
		CustodyBlockRow   *row = lfirst(lc);

		if (row->block_no == w->number)
			return row;
	}
	return NULL;
}

/* Rows of log_leaf */

void
custody_walk_next_leaf(CustodyWalk *w)
{
	bool		isnull;
	Datum		marks;
	bytea	   *hash;
	MemoryContext old = MemoryContextSwitchTo(w->v->context);

	w->have_leaf = custody_catalog_scan_next(&w->leaves);
	if (w->leaf_marks != NULL)
		pfree(w->leaf_marks);
	w->leaf_marks = NULL;
	if (w->have_leaf)
	{
		marks = custody_catalog_getattr(&w->leaves, Anum_leaf_marks, &isnull);
		if (!isnull)
			w->leaf_marks = DatumGetByteaPCopy(marks);
	}
	MemoryContextSwitchTo(old);
	if (!w->have_leaf)
		return;
	custody_reader_leaf_row(&w->leaves, &w->leaf);
	w->leaf_index = w->leaf.leaf_index;
	w->leaf_txn_no = w->leaf.txn_no;
	hash = custody_catalog_get_bytea(&w->leaves, Anum_leaf_leaf_hash);
	w->leaf_hash_sound = VARSIZE_ANY_EXHDR(hash) == CC_DIGEST_SIZE;
	if (w->leaf_hash_sound)
		memcpy(w->leaf_hash, VARDATA_ANY(hash), CC_DIGEST_SIZE);
	pfree(hash);
}

/* The next row belongs nowhere. */
void
custody_walk_stray_leaf(CustodyWalk *w)
{
	CustodyVerify *v = w->v;

	custody_verify_tampering(v, "leaf_extra", NULL, w->leaf_index, NULL,
							 "log_leaf has a row for leaf %lld, which the log does not have there",
							 (long long) w->leaf_index);
	if (w->leaf_txn_no != 0 && list_length(w->strays) < CUSTODY_MAX_GAPS)
	{
		MemoryContext old = MemoryContextSwitchTo(v->context);
		CustodyUnsealed *stray = palloc(sizeof(CustodyUnsealed));

		stray->xact_id = w->leaf.xact_id;
		stray->txn_no = w->leaf_txn_no;
		stray->commit_number = 0;
		w->strays = lappend(w->strays, stray);
		MemoryContextSwitchTo(old);
	}
	custody_walk_next_leaf(w);
}
