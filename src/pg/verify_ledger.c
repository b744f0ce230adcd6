/*
 * verify_ledger.c
 *	  The ledger recomputed: blocks, leaves, entries, checkpoints.
 *
 * The blocks in log_block say where leaves begin and end.  Rows whose columns
 * contradict their own header are reported and set aside; they still serve
 * where nothing better is at hand.
 *
 * One fault must not make every later hash a fault.  While the leaf hashes
 * stored in log_leaf differ from the recomputed ones, a second tree is grown
 * from the stored ones; at the end of the block the tree that the signed
 * checkpoint confirms (recomputed, stored, or the block's own frontier) is the
 * one to go on from.  Only when none is confirmed does the engine say so.
 *
 * A leaf whose transaction cannot be found leaves a gap.  Transactions without
 * a leaf are held against the gaps at the end, so that an altered column costs
 * neither the check of the transaction's entries nor their order.
 *
 * Locks: AccessShareLock while reading.  Memory: v->scratch per leaf.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/error.h"
#include "pg/reader.h"
#include "pg/verify.h"

/* Gaps kept for matching; more are reported but not filled. */
#define MAX_GAPS 100000

/* A row of log_block. */
typedef struct BlockRow
{
	int64		block_no;
	int64		tree_size;
	bytea	   *header;
	bytea	   *frontier;
	bool		decoded;
	cc_block	h;				/* slices point into header */
} BlockRow;

/* A leaf whose transaction record was not found. */
typedef struct Gap
{
	int64		leaf_index;
	int64		txn_no;			/* as log_leaf says; 0 = no row */
	bool		hash_known;
	bool		filled;
	uint8		hash[CC_DIGEST_SIZE];
	/* commit numbers of the records around it in its block */
	uint64		after;
	uint64		before;
} Gap;

typedef struct Walk
{
	CustodyVerify *v;
	cc_audit   *a;
	/* streams */
	CustodyScan blocks;
	bool		have_block;
	BlockRow	block;			/* next sound row */
	MemoryContext block_context;
	CustodyScan leaves;
	bool		have_leaf;
	int64		leaf_index;		/* next row */
	int64		leaf_txn_no;	/* 0 = NULL */
	uint8		leaf_hash[CC_DIGEST_SIZE];
	bool		leaf_hash_sound;	/* 32 bytes long */
	/* set aside */
	List	   *misfiled;		/* BlockRow * */
	List	   *gaps;			/* Gap * */
	List	   *strays;			/* CustodyUnsealed * */
	/* the current block */
	int64		size;			/* leaves passed */
	int64		number;			/* of blocks passed */
	bool		faulty;			/* some hash of this block is in doubt */
	cc_frontier stored;			/* tree of stored hashes, while faulty */
	bool		stored_whole;	/* no hash of it is missing */
	uint64		last_commit;	/* of the last record */
	int			open_gaps;		/* at the end of gaps, without 'before' */
} Walk;

/* Rows of log_block */

static void
read_block(Walk *w, BlockRow *row)
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
is_sound(const BlockRow *row)
{
	return row->decoded && row->block_no >= 0 && row->tree_size > 0 &&
		row->h.leaves > 0 &&
		row->h.number == (uint64) row->block_no &&
		row->h.first_leaf <= PG_INT64_MAX - row->h.leaves &&
		row->h.first_leaf + row->h.leaves == (uint64) row->tree_size;
}

static void
blocks_begin(Walk *w)
{
	ScanKeyData key;

	custody_catalog_key_int8(&key, Anum_block_block_no, BTGreaterEqualStrategyNumber, PG_INT64_MIN);
	custody_catalog_scan_begin(&w->blocks, CUSTODY_LOG_BLOCK, CUSTODY_BLOCK_PKEY,
							   w->v->snapshot, ForwardScanDirection, 1, &key);
}

/* Report and keep the rows that contradict themselves. */
static void
set_aside_blocks(Walk *w)
{
	CustodyVerify *v = w->v;

	blocks_begin(w);
	while (custody_catalog_scan_next(&w->blocks))
	{
		BlockRow	row;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(v->scratch);
		MemoryContextSwitchTo(v->scratch);
		read_block(w, &row);
		MemoryContextSwitchTo(v->context);
		if (!is_sound(&row))
		{
			BlockRow   *kept = palloc(sizeof(BlockRow));

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
static void
next_block(Walk *w)
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
static BlockRow *
find_misfiled(Walk *w)
{
	ListCell   *lc;

	foreach(lc, w->misfiled)
	{
		BlockRow   *row = lfirst(lc);

		if (row->decoded && row->h.first_leaf == (uint64) w->size)
			return row;
	}
	foreach(lc, w->misfiled)
	{
		BlockRow   *row = lfirst(lc);

		if (row->block_no == w->number)
			return row;
	}
	return NULL;
}

/* Rows of log_leaf */

static void
next_leaf(Walk *w)
{
	bool		isnull;
	Datum		txn_no;
	bytea	   *hash;
	MemoryContext old = MemoryContextSwitchTo(w->v->context);

	w->have_leaf = custody_catalog_scan_next(&w->leaves);
	MemoryContextSwitchTo(old);
	if (!w->have_leaf)
		return;
	w->leaf_index = DatumGetInt64(custody_catalog_get(&w->leaves, Anum_leaf_leaf_index));
	txn_no = custody_catalog_getattr(&w->leaves, Anum_leaf_txn_no, &isnull);
	w->leaf_txn_no = isnull ? 0 : DatumGetInt64(txn_no);
	hash = custody_catalog_get_bytea(&w->leaves, Anum_leaf_leaf_hash);
	w->leaf_hash_sound = VARSIZE_ANY_EXHDR(hash) == CC_DIGEST_SIZE;
	if (w->leaf_hash_sound)
		memcpy(w->leaf_hash, VARDATA_ANY(hash), CC_DIGEST_SIZE);
	pfree(hash);
}

/* The next row belongs nowhere. */
static void
stray_leaf(Walk *w)
{
	CustodyVerify *v = w->v;

	custody_verify_tampering(v, "leaf_extra", NULL, w->leaf_index, NULL,
							 "log_leaf has a row for leaf %lld, which the log does not have there",
							 (long long) w->leaf_index);
	if (w->leaf_txn_no != 0 && list_length(w->strays) < MAX_GAPS)
	{
		MemoryContext old = MemoryContextSwitchTo(v->context);
		CustodyUnsealed *stray = palloc(sizeof(CustodyUnsealed));

		stray->txn_no = w->leaf_txn_no;
		stray->commit_number = 0;
		w->strays = lappend(w->strays, stray);
		MemoryContextSwitchTo(old);
	}
	next_leaf(w);
}

/* The tree */

/* From here on the block's stored hashes are kept as a tree of their own. */
static void
doubt(Walk *w)
{
	if (w->faulty)
		return;
	w->faulty = true;
	w->stored = w->a->log;
	w->stored_whole = true;
}

/* Note the stored hash (NULL: none) of the leaf that the engine is to pass. */
static void
grow_stored(Walk *w, const uint8 *hash)
{
	static const uint8 none[CC_DIGEST_SIZE];

	if (!w->faulty)
		return;
	w->stored_whole &= hash != NULL;
	cc_frontier_append(&w->stored, hash ? hash : none);
}

/* Pass a leaf whose bytes are not at hand. */
static void
pass_leaf(Walk *w, const uint8 *hash)
{
	static const uint8 none[CC_DIGEST_SIZE];

	doubt(w);
	grow_stored(w, hash);
	cc_frontier_append(&w->a->log, hash ? hash : none);
	custody_verify_tree_leaf(w->v, hash, hash);
}

static bool
has_root(const cc_frontier *f, const cc_checkpoint *c)
{
	uint8		root[CC_DIGEST_SIZE];

	cc_frontier_root(f, root);
	return f->size == c->size && cc_equal(root, c->root, CC_DIGEST_SIZE);
}

/* The frontier of the block's row against the engine's tree. */
static void
check_frontier(Walk *w, const BlockRow *row, const cc_frontier *frontier, bool loaded)
{
	size_t		len = cc_frontier_count(&w->a->log) * CC_DIGEST_SIZE;

	if (loaded && frontier->size == w->a->log.size &&
		memcmp(frontier->nodes, w->a->log.nodes, len) == 0)
		return;
	custody_verify_tampering(w->v, "block_altered", NULL, w->size - 1, NULL,
							 "block %lld in log_block: the frontier is not the tree's",
							 (long long) row->block_no);
}

/* Choose the tree to go on from. */
static void
settle_tree(Walk *w, const BlockRow *row, const char *note)
{
	cc_checkpoint c;
	cc_frontier frontier;
	bool		loaded = row != NULL &&
		cc_frontier_load(&frontier, (uint64) w->size, VARDATA_ANY(row->frontier),
						 VARSIZE_ANY_EXHDR(row->frontier)) == CC_OK;
	bool		parsed = note != NULL && cc_checkpoint_parse(&c, note, strlen(note)) == CC_OK;

	if (parsed && !has_root(&w->a->log, &c))
	{
		if (w->faulty && w->stored_whole && has_root(&w->stored, &c))
			w->a->log = w->stored;
		else if (loaded && has_root(&frontier, &c))
		{
			if (!w->faulty)
				custody_verify_tampering(w->v, "checkpoint_mismatch", NULL, w->size - 1, NULL,
										 "the leaves of block %lld do not hash to its checkpoint",
										 (long long) row->block_no);
			w->a->log = frontier;
		}
	}
	else if (!parsed && w->faulty && loaded)
		w->a->log = frontier;
	if (row != NULL)
		check_frontier(w, row, &frontier, loaded);
	w->faulty = false;
}

/* Leaves */

static void
add_gap(Walk *w, const uint8 *hash, int64 txn_no)
{
	MemoryContext old;
	Gap		   *gap;

	if (list_length(w->gaps) >= MAX_GAPS)
		return;
	old = MemoryContextSwitchTo(w->v->context);
	gap = palloc0(sizeof(Gap));
	gap->leaf_index = w->size;
	gap->txn_no = txn_no;
	gap->hash_known = hash != NULL;
	if (hash != NULL)
		memcpy(gap->hash, hash, CC_DIGEST_SIZE);
	gap->after = w->last_commit;
	gap->before = PG_UINT64_MAX;
	w->gaps = lappend(w->gaps, gap);
	w->open_gaps++;
	MemoryContextSwitchTo(old);
}

/* A record was read: it bounds the gaps before it. */
static void
close_gaps(Walk *w, uint64 commit_number)
{
	int			n = list_length(w->gaps);

	for (; w->open_gaps > 0; w->open_gaps--)
		((Gap *) list_nth(w->gaps, n - w->open_gaps))->before = commit_number;
	w->last_commit = commit_number;
}

static void
leaf_altered(Walk *w, const char *detail)
{
	custody_verify_tampering(w->v, "leaf_altered", NULL, w->size, detail,
							 "leaf %lld does not have the hash stored in log_leaf",
							 (long long) w->size);
}

/* Give the engine a leaf; its hash was compared already. */
static void
feed_leaf(Walk *w, const bytea *bytes, bool altered)
{
	CustodyVerify *v = w->v;
	uint8		hash[CC_DIGEST_SIZE];
	const uint8 *stored = w->leaf_hash_sound ? w->leaf_hash : hash;

	cc_audit_leaf(w->a, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), hash, &v->found);
	if (altered)
		v->found.n = 0;			/* reported as altered */
	custody_verify_report_found(v, NULL, NULL);
	custody_verify_tree_leaf(v, hash, altered ? stored : hash);
}

/* Does the leaf hash to what log_leaf says? */
static bool
hash_agrees(Walk *w, const bytea *bytes)
{
	uint8		hash[CC_DIGEST_SIZE];

	cc_merkle_leaf(hash, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	return w->leaf_hash_sound && cc_equal(hash, w->leaf_hash, CC_DIGEST_SIZE);
}

/* Is the transaction the leaf of another row as well? */
static bool
has_other_leaf(Walk *w, int64 txn_no)
{
	CustodyScan scan;
	ScanKeyData key;
	int			n = 0;

	custody_catalog_key_int8(&key, Anum_leaf_txn_no, BTEqualStrategyNumber, txn_no);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_TXN_NO, w->v->snapshot,
							   ForwardScanDirection, 1, &key);
	while (n < 2 && custody_catalog_scan_next(&scan))
		n++;
	custody_catalog_scan_end(&scan);
	return n > 1;
}

/* A leaf that log_leaf says is a transaction. */
static void
transaction_leaf(Walk *w)
{
	CustodyVerify *v = w->v;
	CustodyTransaction t;
	const uint8 *stored = w->leaf_hash_sound ? w->leaf_hash : NULL;
	bool		altered;

	v->place.txn_no = w->leaf_txn_no;
	if (w->leaf_txn_no == 0 || !custody_verify_load_transaction(v, w->leaf_txn_no, &t))
	{
		add_gap(w, stored, w->leaf_txn_no);
		pass_leaf(w, stored);
		return;
	}
	altered = !hash_agrees(w, t.bytes);
	if (altered)
	{
		if (has_other_leaf(w, w->leaf_txn_no))
		{
			custody_verify_tampering(v, "leaf_duplicate", NULL, w->size, NULL,
									 "log_leaf has transaction %lld more than once",
									 (long long) w->leaf_txn_no);
			add_gap(w, stored, w->leaf_txn_no);
			pass_leaf(w, stored);
			return;
		}
		leaf_altered(w, psprintf("transaction %lld", (long long) w->leaf_txn_no));
		doubt(w);
	}
	grow_stored(w, stored);
	feed_leaf(w, t.bytes, altered);
	custody_verify_transaction_columns(v, &t);
	if (t.readable)
		close_gaps(w, t.record.commit_number);
	custody_verify_entries(v, w->a);
	cc_audit_leaf_end(w->a, &v->found);
	if (altered)
		v->found.n = 0;
	custody_verify_report_found(v, NULL, NULL);
}

/*
 * A header whose bytes are not at hand (hash NULL) or not those of the leaf.
 * The engine takes the block as one whose header it cannot read.
 */
static void
lost_header(Walk *w, const uint8 *hash, const uint8 *stored)
{
	static const uint8 none[CC_DIGEST_SIZE];
	cc_frontier before = w->a->log;
	uint8		ignored[CC_DIGEST_SIZE];

	doubt(w);
	grow_stored(w, stored);
	cc_audit_leaf(w->a, "", 0, ignored, &w->v->found);
	cc_audit_leaf_end(w->a, &w->v->found);
	w->v->found.n = 0;
	if (hash == NULL)
		hash = stored;
	w->a->log = before;
	cc_frontier_append(&w->a->log, hash ? hash : none);
	custody_verify_tree_leaf(w->v, hash, stored ? stored : hash);
}

/* A header that log_leaf says has another hash. */
static void
altered_header(Walk *w, const BlockRow *row, const uint8 *stored)
{
	uint8		hash[CC_DIGEST_SIZE];

	leaf_altered(w, psprintf("header of block %lld", (long long) row->block_no));
	cc_merkle_leaf(hash, VARDATA_ANY(row->header), VARSIZE_ANY_EXHDR(row->header));
	lost_header(w, hash, stored);
}

/* The first leaf of a block; have_leaf: log_leaf has a row for it. */
static void
header_leaf(Walk *w, const BlockRow *row, bool have_leaf)
{
	CustodyVerify *v = w->v;
	const uint8 *stored = have_leaf && w->leaf_hash_sound ? w->leaf_hash : NULL;

	v->place.txn_no = 0;
	w->last_commit = 0;
	w->open_gaps = 0;
	if (row == NULL)
	{
		custody_verify_tampering(v, "block_missing", NULL, w->size, NULL,
								 "the block that begins at leaf %lld is missing from log_block",
								 (long long) w->size);
		lost_header(w, NULL, stored);
		return;
	}
	if (have_leaf && w->leaf_txn_no != 0)
		custody_verify_tampering(v, "leaf_altered", NULL, w->size, NULL,
								 "log_leaf has a transaction where the header of block %lld stands",
								 (long long) row->block_no);
	if (have_leaf && !hash_agrees(w, row->header))
	{
		altered_header(w, row, stored);
		return;
	}
	if (!have_leaf)
		doubt(w);
	grow_stored(w, stored);
	feed_leaf(w, row->header, false);
	if (row->decoded)
		custody_verify_block_header(v, &row->h, w->size);
	cc_audit_leaf_end(w->a, &v->found);
	custody_verify_report_found(v, NULL, NULL);
}

/* Rows of log_leaf are missing from w->size on; returns the next that is not. */
static int64
missing_leaves(Walk *w, int64 end)
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
pass_missing(Walk *w, int64 next, const BlockRow *row, int64 first)
{
	for (; w->size < next; w->size++)
	{
		CHECK_FOR_INTERRUPTS();
		w->v->place.leaf_index = w->v->place.position = w->size;
		if (w->size == first)
			header_leaf(w, row, false);
		else
		{
			add_gap(w, NULL, 0);
			pass_leaf(w, NULL);
		}
	}
}

/*
 * The leaves [w->size, end) of a block.  Where no sound row says how far the
 * block reaches ('open'), up to the first leaf that is missing.
 */
static void
walk_leaves(Walk *w, const BlockRow *row, int64 end, bool open)
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
			stray_leaf(w);
		else if (open && (!w->have_leaf || w->leaf_index > w->size))
			break;
		else if (!w->have_leaf || w->leaf_index > w->size)
			pass_missing(w, missing_leaves(w, end), row, first);
		else
		{
			if (w->size == first)
				header_leaf(w, row, true);
			else
				transaction_leaf(w);
			w->size++;
			next_leaf(w);
		}
	}
}

static void
walk_block(Walk *w, const BlockRow *row, int64 end, bool open)
{
	CustodyVerify *v = w->v;
	char	   *note;
	bool		last;

	walk_leaves(w, row, end, open);
	last = !w->have_block && !(w->have_leaf && w->leaf_index == w->size);
	v->place.leaf_index = w->size - 1;
	v->place.txn_no = 0;
	note = custody_verify_checkpoint_note(v, w->size);
	settle_tree(w, row, note);
	cc_audit_checkpoint(w->a, note, note ? strlen(note) : 0, last, &v->found);
	custody_verify_report_found(v, NULL, NULL);
	custody_verify_tree_anchors(v, &w->a->log);
	w->number++;
}

/* The block of the next sound row, which begins at w->size. */
static void
walk_sound_block(Walk *w)
{
	BlockRow	row = w->block;
	MemoryContext kept = w->block_context;

	/* The stream moves on first, to see if this is the last block. */
	w->block_context = AllocSetContextCreate(w->v->context, "pg_custody block",
											 ALLOCSET_SMALL_SIZES);
	next_block(w);
	walk_block(w, &row, row.tree_size, false);
	MemoryContextDelete(kept);
}

/* Leaves that no sound row covers. */
static void
walk_unsound_block(Walk *w)
{
	BlockRow   *row = find_misfiled(w);
	int64		end = w->have_block ? (int64) w->block.h.first_leaf : PG_INT64_MAX;

	if (row != NULL && row->tree_size > w->size)
		end = Min(end, row->tree_size);
	walk_block(w, row, end, !w->have_block);
}

static void
extra_block(Walk *w)
{
	custody_verify_tampering(w->v, "block_extra", NULL, (int64) w->block.h.first_leaf, NULL,
							 "block %lld in log_block begins at leaf %llu, inside another block",
							 (long long) w->block.block_no,
							 (unsigned long long) w->block.h.first_leaf);
	next_block(w);
}

static void
walk_blocks(Walk *w)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(w->v->scratch);
		if (w->have_leaf && w->leaf_index < w->size)
			stray_leaf(w);
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
		stray_leaf(w);
}

/* Transactions without a leaf */

static Gap *
find_gap(Walk *w, const CustodyTransaction *t)
{
	uint8		hash[CC_DIGEST_SIZE];
	ListCell   *lc;

	cc_merkle_leaf(hash, VARDATA_ANY(t->bytes), VARSIZE_ANY_EXHDR(t->bytes));
	foreach(lc, w->gaps)
	{
		Gap		   *gap = lfirst(lc);

		if (gap->filled)
			continue;
		if (gap->hash_known ? cc_equal(gap->hash, hash, CC_DIGEST_SIZE) :
			t->readable && t->record.commit_number > gap->after &&
			t->record.commit_number < gap->before)
			return gap;
	}
	return NULL;
}

/* Findings about the place of a record mean nothing outside a block. */
static void
drop_order_findings(CustodyVerify *v)
{
	int			kept = 0;

	for (int i = 0; i < v->found.n; i++)
		if (v->found.items[i].code != CC_F_LEAF_ORDER)
			v->found.items[kept++] = v->found.items[i];
	v->found.n = kept;
}

/*
 * Check a transaction that has no leaf in its place.  Its position is that of
 * the gap it fills, or after all that is sealed.
 */
static void
loose_transaction(Walk *w, cc_audit *a, const CustodyUnsealed *u, int64 position)
{
	CustodyVerify *v = w->v;
	CustodyTransaction t;
	Gap		   *gap;
	uint8		hash[CC_DIGEST_SIZE];

	if (!custody_verify_load_transaction(v, u->txn_no, &t))
		return;
	gap = find_gap(w, &t);
	v->place.leaf_index = gap ? gap->leaf_index : CUSTODY_NO_LEAF;
	v->place.position = gap ? gap->leaf_index : position;
	v->place.txn_no = u->txn_no;
	v->place.entry_no = -1;
	if (gap != NULL)
	{
		gap->filled = true;
		if (gap->hash_known && t.readable && (int64) t.record.number == u->txn_no)
			custody_verify_tampering(v, "leaf_altered", NULL, gap->leaf_index, NULL,
									 "log_leaf does not name transaction %lld, whose record this leaf is",
									 (long long) u->txn_no);
		if (t.readable)
			v->place.txn_no = (int64) t.record.number;
	}
	cc_audit_leaf(a, VARDATA_ANY(t.bytes), VARSIZE_ANY_EXHDR(t.bytes), hash, &v->found);
	drop_order_findings(v);
	custody_verify_report_found(v, NULL, NULL);
	custody_verify_transaction_columns(v, &t);
	custody_verify_entries(v, a);
	cc_audit_leaf_end(a, &v->found);
	custody_verify_report_found(v, NULL, NULL);
}

static void
walk_loose(Walk *w, cc_audit *a)
{
	List	   *loose = list_concat(custody_reader_unsealed(w->v->snapshot), w->strays);
	int64		position = w->size;
	ListCell   *lc;

	foreach(lc, loose)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(w->v->scratch);
		MemoryContextSwitchTo(w->v->scratch);
		loose_transaction(w, a, lfirst(lc), position++);
		MemoryContextSwitchTo(w->v->context);
	}
	foreach(lc, w->gaps)
	{
		Gap		   *gap = lfirst(lc);

		if (gap->hash_known && !gap->filled)
			custody_verify_tampering(w->v, "transaction_missing", NULL, gap->leaf_index, NULL,
									 "the record of leaf %lld, transaction %lld, is missing from log_transaction",
									 (long long) gap->leaf_index, (long long) gap->txn_no);
	}
}

/* Beginning after what was verified before */

/* Only read what is taken as verified: its events and rows are needed. */
static void
read_verified(Walk *w)
{
	CustodyVerify *v = w->v;

	for (; w->have_leaf && w->leaf_index < v->since; next_leaf(w))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(v->scratch);
		if (w->leaf_txn_no == 0)
			continue;
		v->place.leaf_index = v->place.position = w->leaf_index;
		v->place.txn_no = w->leaf_txn_no;
		custody_verify_entries(v, NULL);
	}
}

/* Keys announced before; the newest, of which the engine holds a few. */
static void
add_keys(Walk *w)
{
	CustodyScan scan;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_KEY, CUSTODY_KEY_PKEY, w->v->snapshot,
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		bytea	   *line = custody_catalog_get_bytea(&scan, Anum_key_verifier_key);
		uint32		epoch = DatumGetUInt32(custody_catalog_get(&scan, Anum_key_epoch));
		cc_vkey		key;

		if (cc_vkey_parse(&key, VARDATA_ANY(line), VARSIZE_ANY_EXHDR(line)) == CC_OK &&
			cc_audit_key_add(w->a, epoch, &key) != CC_OK)
			custody_verify_tampering(w->v, "epoch_violation", NULL, CUSTODY_NO_LEAF, NULL,
									 "log_key has a second key for epoch %u", epoch);
	}
	custody_catalog_scan_end(&scan);
}

/* The stored checkpoint at 'since' must be of the stored frontier. */
static bool
check_since(Walk *w, const cc_frontier *log)
{
	CustodyVerify *v = w->v;
	char	   *note = custody_verify_checkpoint_note(v, v->since);
	cc_checkpoint c;

	if (note == NULL || cc_checkpoint_parse(&c, note, strlen(note)) != CC_OK ||
		!has_root(log, &c) || !custody_verify_signed(v, &c))
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
resume(Walk *w)
{
	CustodyVerify *v = w->v;
	cc_frontier log;
	char		origin[CC_ORIGIN_MAX + 1] = "";

	while (w->have_block && w->block.tree_size < v->since)
		next_block(w);
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
	w->number = w->block.block_no + 1;
	w->size = v->since;
	next_block(w);
	return true;
}

/* Together */

static void
walk_begin(Walk *w)
{
	CustodyVerify *v = w->v;

	cc_audit_init(v->audit);
	blocks_begin(w);
	next_block(w);
	custody_catalog_scan_begin(&w->leaves, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY, v->snapshot,
							   ForwardScanDirection, 0, NULL);
	next_leaf(w);
}

static void
walk_end(Walk *w)
{
	custody_catalog_scan_end(&w->leaves);
	custody_catalog_scan_end(&w->blocks);
}

void
custody_verify_ledger(CustodyVerify *v, ArrayType *anchors)
{
	Walk	   *w = palloc0(sizeof(Walk));
	cc_audit   *loose;

	v->audit = palloc(sizeof(cc_audit));
	w->v = v;
	w->a = v->audit;
	w->block_context = AllocSetContextCreate(v->context, "pg_custody block",
											 ALLOCSET_SMALL_SIZES);
	set_aside_blocks(w);
	walk_begin(w);
	if (v->since > 0 && !resume(w))
	{
		v->since = 0;
		walk_end(w);
		walk_begin(w);
	}
	custody_verify_tree_init(v, anchors, v->since);
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
	walk_loose(w, loose);
	custody_verify_tree_end(v, w->size);
	if (v->since == 0)
		custody_verify_withheld(v, loose);
	custody_verify_lost_chunks(v);
}
