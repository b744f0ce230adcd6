/*
 * verify_loose.c
 *	  Transactions that have no leaf in its place.
 *
 * A leaf whose transaction cannot be found leaves a gap.  Transactions without
 * a leaf are held against the gaps, by hash or by commit number, so that an
 * altered column costs neither the check of the transaction's entries nor
 * their order.  What fills no gap is not sealed yet.
 *
 * Memory: v->scratch per transaction.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/compat.h"
#include "pg/reader.h"
#include "pg/tail.h"
#include "pg/verify_walk.h"

/* Transactions without a leaf */

static CustodyGap *
find_gap(CustodyWalk *w, const CustodyTransaction *t)
{
	uint8		root[CC_DIGEST_SIZE];
	uint8		hash[CC_DIGEST_SIZE];
	bytea	   *bytes;
	ListCell   *lc;

	if (w->gaps == NIL)
		return NULL;
	custody_verify_root(w->v, &t->row, root);
	bytes = custody_reader_sealed_record(t->row.record, root);
	cc_merkle_leaf(hash, VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
	foreach(lc, w->gaps)
	{
		CustodyGap		   *gap = lfirst(lc);

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
loose_transaction(CustodyWalk *w, cc_audit *a, const CustodyUnsealed *u, int64 position)
{
	CustodyVerify *v = w->v;
	CustodyTransaction t;
	CustodyGap		   *gap;
	static const uint8 unknown[CC_DIGEST_SIZE];
	uint8		hash[CC_DIGEST_SIZE];

	if (!custody_verify_load_transaction(v, u->xact_id, u->txn_no, unknown, &t))
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
	custody_verify_entries(v, a, &t.row, false, NULL);
	/* No root vouches for what is not sealed. */
	cc_frontier_root(&a->entry_tree, a->entry_root);
	cc_audit_leaf_end(a, &v->found);
	custody_verify_report_found(v, NULL, NULL);
}

void
custody_walk_loose(CustodyWalk *w, cc_audit *a)
{
	List	   *loose = list_concat(custody_verify_sets_settled(w->v) ?
									custody_tail(w->v->snapshot) :
									custody_reader_unsealed(w->v->snapshot), w->strays);
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
		CustodyGap		   *gap = lfirst(lc);

		if (gap->hash_known && !gap->filled)
			custody_verify_tampering(w->v, "transaction_missing", NULL, gap->leaf_index, NULL,
									 "the record of leaf %lld, transaction %lld, is missing from log_transaction",
									 (long long) gap->leaf_index, (long long) gap->txn_no);
	}
}
