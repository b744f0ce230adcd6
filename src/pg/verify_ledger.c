/*
 * verify_ledger.c
 *	  The ledger recomputed: blocks, leaves, entries, checkpoints.
 *
 * The blocks in log_block say where leaves begin and end.  One fault must not
 * make every later hash a fault: what a file beside this one cannot read is
 * reported once, and the walk goes on from what the signed checkpoints confirm.
 *
 * Locks: AccessShareLock while reading.  Memory: v->scratch per leaf.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/compat.h"
#include "pg/salter.h"
#include "pg/reader.h"
#include "pg/verify_walk.h"

/* Rows of log_leaf are missing from w->size on; returns the next that is not. */
static int64
missing_leaves(CustodyWalk *w, int64 end)
{
	int64		next = w->have_leaf ? Min(w->leaf_index, end) : end;

	if (next - w->size == 1)
		custody_verify_tampering(w->v, "leaf_missing", NULL, w->size, NULL,
								 "leaf %lld is missing from log_leaf", (long long) w->size);
	else
		custody_verify_tampering(w->v, "leaf_missing", NULL, w->size, NULL,
								 "leaves %lld to %lld are missing from log_leaf",
								 (long long) w->size, (long long) (next - 1));
	return next;
}

/* Pass leaves without rows, up to 'next'. */
static void
pass_missing(CustodyWalk *w, int64 next, const CustodyBlockRow *row, int64 first)
{
	for (; w->size < next; w->size++)
	{
		CHECK_FOR_INTERRUPTS();
		w->v->place.leaf_index = w->v->place.position = w->size;
		if (w->size == first)
			custody_walk_header_leaf(w, row, false);
		else
		{
			custody_walk_add_gap(w, NULL, 0);
			custody_walk_pass_leaf(w, NULL);
		}
	}
}

/*
 * The leaves [w->size, end) of a block.  Where no sound row says how far the
 * block reaches ('open'), up to the first leaf that is missing.
 */
static void
walk_leaves(CustodyWalk *w, const CustodyBlockRow *row, int64 end, bool open)
{
	CustodyVerify *v = w->v;
	int64		first = w->size;

	while (w->size < end)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(v->scratch);
		v->place.leaf_index = v->place.position = w->size;
		v->place.entry_no = -1;
		if (w->have_leaf && w->leaf_index < w->size)
			custody_walk_stray_leaf(w);
		else if (open && (!w->have_leaf || w->leaf_index > w->size))
			break;
		else if (!w->have_leaf || w->leaf_index > w->size)
			pass_missing(w, missing_leaves(w, end), row, first);
		else
		{
			if (w->size == first)
				custody_walk_header_leaf(w, row, true);
			else
				custody_walk_transaction_leaf(w);
			w->size++;
			custody_walk_next_leaf(w);
		}
	}
}

static void
walk_block(CustodyWalk *w, const CustodyBlockRow *row, int64 end, bool open)
{
	CustodyVerify *v = w->v;
	char	   *note;
	bool		last;

	walk_leaves(w, row, end, open);
	last = !w->have_block && !(w->have_leaf && w->leaf_index == w->size);
	v->place.leaf_index = w->size - 1;
	v->place.txn_no = 0;
	custody_verify_environment_block(v, w->gaps == NIL);
	note = custody_verify_checkpoint_note(v, w->size);
	custody_walk_settle(w, row, note);
	cc_audit_checkpoint(w->a, note, note ? strlen(note) : 0, last, &v->found);
	custody_verify_report_found(v, NULL, NULL);
	custody_verify_tree_anchors(v, &w->a->log);
	w->number++;
}

/* The block of the next sound row, which begins at w->size. */
static void
walk_sound_block(CustodyWalk *w)
{
	CustodyBlockRow	row = w->block;
	MemoryContext kept = w->block_context;

	/* The stream moves on first, to see if this is the last block. */
	w->block_context = AllocSetContextCreate(w->v->context, "pg_custody block",
											 ALLOCSET_SMALL_SIZES);
	custody_walk_next_block(w);
	walk_block(w, &row, row.tree_size, false);
	MemoryContextDelete(kept);
}

/* Leaves that no sound row covers. */
static void
walk_unsound_block(CustodyWalk *w)
{
	CustodyBlockRow   *row = custody_walk_find_misfiled(w);
	int64		end = w->have_block ? (int64) w->block.h.first_leaf : PG_INT64_MAX;

	if (row != NULL && row->tree_size > w->size)
		end = Min(end, row->tree_size);
	walk_block(w, row, end, !w->have_block);
}

static void
extra_block(CustodyWalk *w)
{
	custody_verify_tampering(w->v, "block_extra", NULL, (int64) w->block.h.first_leaf, NULL,
							 "block %lld in log_block begins at leaf %llu, inside another block",
							 (long long) w->block.block_no,
							 (unsigned long long) w->block.h.first_leaf);
	custody_walk_next_block(w);
}

static void
walk_blocks(CustodyWalk *w)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(w->v->scratch);
		if (w->have_leaf && w->leaf_index < w->size)
			custody_walk_stray_leaf(w);
		else if (w->have_block && (int64) w->block.h.first_leaf < w->size)
			extra_block(w);
		else if (w->have_block && (int64) w->block.h.first_leaf == w->size)
			walk_sound_block(w);
		else if (w->have_block || (w->have_leaf && w->leaf_index == w->size))
			walk_unsound_block(w);
		else
			break;
	}
	while (w->have_leaf)
		custody_walk_stray_leaf(w);
}

static void
leaves_begin(CustodyWalk *w, int64 first)
{
	ScanKeyData key;

	custody_catalog_key_int8(&key, Anum_leaf_leaf_index, BTGreaterEqualStrategyNumber, first);
	custody_catalog_scan_begin(&w->leaves, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY, w->v->snapshot,
							   ForwardScanDirection, 1, &key);
	custody_walk_next_leaf(w);
}

/* Beginning after what was verified before */

/* Read a transaction that is taken as verified. */
static void
read_transaction(CustodyVerify *v, const CustodyLeaf *leaf)
{
	CustodyTransaction t;

	v->place.leaf_index = v->place.position = leaf->leaf_index;
	v->place.txn_no = leaf->txn_no;
	MemoryContextSwitchTo(v->scratch);
	if (custody_verify_load_transaction(v, leaf->xact_id, leaf->txn_no, NULL, &t))
		custody_verify_entries(v, NULL, &t.row, false, NULL);
	MemoryContextSwitchTo(v->context);
}

/* Where all rows are settled, only the events are needed. */
static void
read_events(CustodyWalk *w)
{
	CustodyVerify *v = w->v;
	ScanKeyData key;
	CustodyScan scan;
	CustodyLeaf leaf;

	custody_catalog_key_int8(&key, Anum_event_leaf_index, BTLessStrategyNumber, v->since);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_EVENT, CUSTODY_EVENT_PKEY, v->snapshot,
							   ForwardScanDirection, 1, &key);
	while (custody_catalog_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(v->scratch);
		if (custody_reader_leaf_at(DatumGetInt64(custody_catalog_get(&scan, Anum_event_leaf_index)),
								   v->snapshot, &leaf) && leaf.txn_no != 0)
			read_transaction(v, &leaf);
	}
	custody_catalog_scan_end(&scan);
	custody_catalog_scan_end(&w->leaves);
	leaves_begin(w, v->since);
}

/* Only read what is taken as verified: its events and rows are needed. */
static void
read_verified(CustodyWalk *w)
{
	CustodyVerify *v = w->v;

	if (custody_verify_sets_settled(v))
	{
		read_events(w);
		return;
	}
	for (; w->have_leaf && w->leaf_index < v->since; custody_walk_next_leaf(w))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(v->scratch);
		if (w->leaf_txn_no != 0)
			read_transaction(v, &w->leaf);
	}
}

/*
 * Keys announced before 'since', of which the engine holds a few, and where the
 * last block before it, which is the walk's, leaves their sequence.
 */
static void
add_keys(CustodyWalk *w)
{
	CustodyVerify *v = w->v;
	CustodyScan scan;
	uint32		announced = 0;
	uint32		next_epoch = 0;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_KEY, CUSTODY_KEY_PKEY, v->snapshot,
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		bytea	   *line = custody_catalog_get_bytea(&scan, Anum_key_verifier_key);
		uint32		epoch = DatumGetUInt32(custody_catalog_get(&scan, Anum_key_epoch));
		int64		leaf_index = custody_reader_leaf_index(DatumGetInt64(custody_catalog_get(&scan, Anum_key_txn_no)),
														   v->snapshot);
		cc_vkey		key;

		if (leaf_index < 0 || leaf_index >= v->since ||
			cc_vkey_parse(&key, VARDATA_ANY(line), VARSIZE_ANY_EXHDR(line)) != CC_OK)
			continue;
		if (cc_audit_key_add(w->a, epoch, &key) != CC_OK)
			custody_verify_tampering(v, "epoch_violation", NULL, CUSTODY_NO_LEAF, NULL,
									 "log_key has a second key for epoch %u", epoch);
		announced = Max(announced, epoch);
		if (epoch == w->block.h.epoch + 1 && leaf_index >= (int64) w->block.h.first_leaf)
			next_epoch = epoch;
	}
	custody_catalog_scan_end(&scan);
	cc_audit_past(w->a, &w->block.h, announced, next_epoch);
}

/* The stored checkpoint at 'since' must be of the stored frontier. */
static bool
check_since(CustodyWalk *w, const cc_frontier *log)
{
	CustodyVerify *v = w->v;
	char	   *note = custody_verify_checkpoint_note(v, v->since);
	cc_checkpoint c;

	if (note == NULL || cc_checkpoint_parse(&c, note, strlen(note)) != CC_OK ||
		!custody_walk_has_root(log, &c) || !custody_verify_signed(v, &c))
	{
		custody_verify_tampering(v, "checkpoint_mismatch", NULL, v->since - 1, NULL,
								 "the stored checkpoint of size %lld is not a signed one of the stored tree",
								 (long long) v->since);
		return false;
	}
	return true;
}

/* Continue from the block that ends at 'since'; false if that cannot be. */
static bool
resume(CustodyWalk *w)
{
	CustodyVerify *v = w->v;
	cc_frontier log;
	char		origin[CC_ORIGIN_MAX + 1] = "";

	while (w->have_block && w->block.tree_size < v->since)
		custody_walk_next_block(w);
	if (!w->have_block || w->block.tree_size != v->since)
	{
		custody_verify_tampering(v, "since_unknown", NULL, CUSTODY_NO_LEAF, NULL,
								 "no block of this ledger ends at size %lld; all of it is verified",
								 (long long) v->since);
		return false;
	}
	if (cc_frontier_load(&log, (uint64) v->since, VARDATA_ANY(w->block.frontier),
						 VARSIZE_ANY_EXHDR(w->block.frontier)) != CC_OK ||
		!check_since(w, &log))
		return false;
	memcpy(origin, w->block.h.origin.data, Min(w->block.h.origin.len, CC_ORIGIN_MAX));
	cc_audit_resume(w->a, &log, origin);
	add_keys(w);
	custody_verify_sets_settle(v, w->block.header, &log);
	w->number = w->block.block_no + 1;
	w->size = v->since;
	custody_walk_next_block(w);
	return true;
}

/* Together */

static void
walk_begin(CustodyWalk *w)
{
	CustodyVerify *v = w->v;

	cc_audit_init(v->audit, custody_salter());
	custody_walk_blocks_begin(w);
	custody_walk_next_block(w);
	leaves_begin(w, PG_INT64_MIN);
}

static void
walk_end(CustodyWalk *w)
{
	custody_catalog_scan_end(&w->leaves);
	custody_catalog_scan_end(&w->blocks);
}

void
custody_verify_ledger(CustodyVerify *v, ArrayType *anchors)
{
	CustodyWalk	   *w = palloc0(sizeof(CustodyWalk));
	cc_audit   *loose;

	v->audit = palloc(sizeof(cc_audit));
	w->v = v;
	w->a = v->audit;
	w->block_context = AllocSetContextCreate(v->context, "pg_custody block",
											 ALLOCSET_SMALL_SIZES);
	custody_walk_set_aside(w);
	walk_begin(w);
	if (v->since > 0 && !resume(w))
	{
		v->since = 0;
		walk_end(w);
		walk_begin(w);
	}
	custody_verify_tree_init(v, anchors, v->since);
	custody_verify_ahead_leaves(v);
	read_verified(w);
	MemoryContextSwitchTo(v->scratch);
	walk_blocks(w);
	MemoryContextSwitchTo(v->context);
	walk_end(w);

	v->place.leaf_index = w->size - 1;
	v->place.txn_no = 0;
	loose = palloc(sizeof(cc_audit));
	*loose = *v->audit;
	cc_audit_end(v->audit, &v->found);
	custody_verify_report_found(v, NULL, NULL);
	custody_walk_loose(w, loose);
	custody_verify_tree_end(v, w->size);
	custody_verify_sets_check(v, w->size);
	if (v->since == 0)
	{
		custody_verify_withheld(v, loose);
		custody_verify_ahead_lookups(v);
		custody_verify_lookup_end(v);
	}
	if (!custody_verify_sets_settled(v))
		custody_verify_lost_chunks(v);
}
