/*
 * verify_leaf.c
 *	  One leaf of the log, and the tree it makes.
 *
 * While the leaf hashes stored in log_leaf differ from the recomputed ones, a
 * second tree is grown from the stored ones; at the end of the block the tree
 * that the signed checkpoint confirms (recomputed, stored, or the block's own
 * frontier) is the one to go on from.  Only when none is confirmed does the
 * engine say so.
 *
 * Memory: all in the caller's context, to be reset per leaf, but for gaps.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "pg/compat.h"
#include "pg/verify_walk.h"

/* Rows looked for by number alone; each costs a scan. */
#define MAX_SEARCHES 100

/* The tree */

/* From here on the block's stored hashes are kept as a tree of their own. */
static void
doubt(CustodyWalk *w)
{
	if (w->faulty)
		return;
	w->faulty = true;
	w->stored = w->a->log;
	w->stored_whole = true;
}

/* Note the stored hash (NULL: none) of the leaf that the engine is to pass. */
static void
grow_stored(CustodyWalk *w, const uint8 *hash)
{
	static const uint8 none[CC_DIGEST_SIZE];

	if (!w->faulty)
		return;
	w->stored_whole &= hash != NULL;
	cc_frontier_append(&w->stored, hash ? hash : none);
}

/* Pass a leaf whose bytes are not at hand. */
void
custody_walk_pass_leaf(CustodyWalk *w, const uint8 *hash)
{
	static const uint8 none[CC_DIGEST_SIZE];

	doubt(w);
	grow_stored(w, hash);
	cc_frontier_append(&w->a->log, hash ? hash : none);
	custody_verify_tree_leaf(w->v, hash, hash);
}

bool
custody_walk_has_root(const cc_frontier *f, const cc_checkpoint *c)
{
	uint8		root[CC_DIGEST_SIZE];

	cc_frontier_root(f, root);
	return f->size == c->size && cc_equal(root, c->root, CC_DIGEST_SIZE);
}

/* The frontier of the block's row against the engine's tree. */
static void
check_frontier(CustodyWalk *w, const CustodyBlockRow *row, const cc_frontier *frontier, bool loaded)
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
void
custody_walk_settle(CustodyWalk *w, const CustodyBlockRow *row, const char *note)
{
	cc_checkpoint c;
	cc_frontier frontier;
	bool		loaded = row != NULL &&
		cc_frontier_load(&frontier, (uint64) w->size, VARDATA_ANY(row->frontier),
						 VARSIZE_ANY_EXHDR(row->frontier)) == CC_OK;
	bool		parsed = note != NULL && cc_checkpoint_parse(&c, note, strlen(note)) == CC_OK;

	if (parsed && !custody_walk_has_root(&w->a->log, &c))
	{
		if (w->faulty && w->stored_whole && custody_walk_has_root(&w->stored, &c))
			w->a->log = w->stored;
		else if (loaded && custody_walk_has_root(&frontier, &c))
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

void
custody_walk_add_gap(CustodyWalk *w, const uint8 *hash, int64 txn_no)
{
	MemoryContext old;
	CustodyGap		   *gap;

	custody_verify_lookup_uncertain(w->v);
	if (list_length(w->gaps) >= CUSTODY_MAX_GAPS)
		return;
	old = MemoryContextSwitchTo(w->v->context);
	gap = palloc0(sizeof(CustodyGap));
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
close_gaps(CustodyWalk *w, uint64 commit_number)
{
	int			n = list_length(w->gaps);

	for (; w->open_gaps > 0; w->open_gaps--)
		((CustodyGap *) list_nth(w->gaps, n - w->open_gaps))->before = commit_number;
	w->last_commit = commit_number;
}

static void
leaf_altered(CustodyWalk *w, const char *detail)
{
	custody_verify_tampering(w->v, "leaf_altered", NULL, w->size, detail,
							 "leaf %lld does not have the hash stored in log_leaf",
							 (long long) w->size);
}

/* Give the engine a leaf; its hash was compared already. */
static void
feed_leaf(CustodyWalk *w, const bytea *bytes, bool altered)
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
hash_agrees(CustodyWalk *w, const bytea *bytes)
{
	uint8		hash[CC_DIGEST_SIZE];

	cc_merkle_leaf(hash, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	return w->leaf_hash_sound && cc_equal(hash, w->leaf_hash, CC_DIGEST_SIZE);
}

/* Is the transaction the leaf of another row as well? */
static bool
has_other_leaf(CustodyWalk *w, int64 txn_no)
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

/*
 * Load the transaction that log_leaf names; also where its row, or the leaf's,
 * has another transaction id.
 */
static bool
load_named(CustodyWalk *w, CustodyTransaction *t)
{
	CustodyVerify *v = w->v;
	const uint8 *root = w->leaf.has_root ? w->leaf.root : NULL;
	CustodyTransactionRow row;

	if (w->leaf_txn_no == 0)
		return false;
	if (custody_verify_load_transaction(v, w->leaf.xact_id, w->leaf_txn_no, root, t))
		return true;
	if (w->searches++ >= MAX_SEARCHES ||
		!custody_reader_search(w->leaf_txn_no, v->snapshot, &row))
		return false;
	custody_verify_tampering(v, "transaction_altered", NULL, w->size,
							 psprintf("transaction %lld", (long long) w->leaf_txn_no),
							 "log_leaf has transaction id %llu for transaction %lld, log_transaction has %llu",
							 (unsigned long long) w->leaf.xact_id, (long long) w->leaf_txn_no,
							 (unsigned long long) row.xact_id);
	return custody_verify_load_transaction(v, row.xact_id, w->leaf_txn_no, root, t);
}

/* The entries of a leaf whose record was given to the engine. */
static void
check_entries(CustodyWalk *w, const CustodyTransaction *t, bool altered)
{
	CustodyVerify *v = w->v;
	uint8		root[CC_DIGEST_SIZE];
	bool		same_root;

	custody_verify_entries(v, w->a, &t->row, true, w->leaf_marks);
	cc_frontier_root(&w->a->entry_tree, root);
	same_root = w->leaf.has_root && cc_equal(root, w->leaf.root, CC_DIGEST_SIZE);
	cc_audit_leaf_end(w->a, &v->found);
	if (altered)
		v->found.n = 0;
	custody_verify_suspects(v, same_root);
	custody_verify_report_found(v, NULL, NULL);
}

/* A leaf that log_leaf says is a transaction. */
void
custody_walk_transaction_leaf(CustodyWalk *w)
{
	CustodyVerify *v = w->v;
	CustodyTransaction t;
	const uint8 *stored = w->leaf_hash_sound ? w->leaf_hash : NULL;
	bool		altered;

	v->place.txn_no = w->leaf_txn_no;
	if (!load_named(w, &t))
	{
		custody_walk_add_gap(w, stored, w->leaf_txn_no);
		custody_walk_pass_leaf(w, stored);
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
			custody_walk_add_gap(w, stored, w->leaf_txn_no);
			custody_walk_pass_leaf(w, stored);
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
	if (!altered && custody_verify_ahead_take(v, w->size))
	{
		custody_verify_note_chunks(v, &t.row);
		cc_audit_entries_checked(w->a);
	}
	else
		check_entries(w, &t, altered);
}

/*
 * A header whose bytes are not at hand (hash NULL) or not those of the leaf.
 * The engine takes the block as one whose header it cannot read.
 */
static void
lost_header(CustodyWalk *w, const uint8 *hash, const uint8 *stored)
{
	static const uint8 none[CC_DIGEST_SIZE];
	cc_frontier before = w->a->log;
	uint8		ignored[CC_DIGEST_SIZE];

	custody_verify_sets_header(w->v, NULL);
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
altered_header(CustodyWalk *w, const CustodyBlockRow *row, const uint8 *stored)
{
	uint8		hash[CC_DIGEST_SIZE];

	leaf_altered(w, psprintf("header of block %lld", (long long) row->block_no));
	cc_merkle_leaf(hash, VARDATA_ANY(row->header), VARSIZE_ANY_EXHDR(row->header));
	lost_header(w, hash, stored);
}

/* The first leaf of a block; have_leaf: log_leaf has a row for it. */
void
custody_walk_header_leaf(CustodyWalk *w, const CustodyBlockRow *row, bool have_leaf)
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
