/*
 * past.c
 *	  Entries in the order of the log, opened: what history is made of.
 *
 * Sealed transactions come first, by leaf index, then the others by commit
 * number: the order in which they will be sealed.  A transaction without a
 * record has not committed and is passed over.  Stored bytes that cannot be
 * taken apart are passed over too: naming them is verify's work.
 *
 * A walk by lookup number takes no predicate locks: an application that asks
 * for a row's history and then changes the row, in a serializable transaction,
 * must not be aborted because others append to the same ledger.  It reads what
 * has committed (SnapshotSelf), and then drops the transactions that the
 * caller's snapshot does not show.
 *
 * Locks: AccessShareLock on the ledger.  Memory: a context per walk, holding
 * one transaction, one chunk and one entry at a time, and the places of long
 * values.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/catalog.h"
#include "pg/longvalue.h"
#include "pg/lookup.h"
#include "pg/past.h"
#include "pg/reader.h"

/* A chunk to walk, and its place in the log. */
typedef struct Candidate
{
	CustodyPosition position;
	int64		leaf_index;		/* PG_INT64_MAX = not sealed */
	uint64		commit_number;
} Candidate;

struct CustodyPast
{
	MemoryContext context;
	MemoryContext txn_context;
	MemoryContext entry_context;
	CustodyLayouts *layouts;
	Bitmapset  *relations;		/* NULL = all */
	Snapshot	snapshot;		/* the caller's */
	Snapshot	entry_snapshot; /* for what applications' transactions write */

	/* Whole ledger: leaves, then what is not sealed. */
	bool		in_leaves;
	CustodyScan leaves;
	List	   *unsealed;		/* of CustodyUnsealed */
	int			next_unsealed;

	/* By lookup number. */
	bool		by_lookup;
	Candidate  *candidates;
	int			ncandidates;
	int			next_candidate;

	/* Current transaction and chunk. */
	bool		walking;
	CustodyEntryWalk walk;
	bytea	   *record_bytes;
	cc_record	record;
	CustodyPastEntry entry;

	CustodyLongValues *long_values;
};

static CustodyPast *
make(CustodyLayouts *layouts, Bitmapset *relations, Snapshot snapshot,
	 bool by_lookup)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "custody past",
												  ALLOCSET_DEFAULT_SIZES);
	CustodyPast *past = MemoryContextAllocZero(context, sizeof(CustodyPast));
	MemoryContext old;

	past->context = context;
	past->txn_context = AllocSetContextCreate(context, "custody past transaction",
											  ALLOCSET_SMALL_SIZES);
	past->entry_context = AllocSetContextCreate(context, "custody past entry",
												ALLOCSET_DEFAULT_SIZES);
	past->layouts = layouts;
	past->relations = relations;
	past->snapshot = snapshot;
	past->entry_snapshot = by_lookup ? SnapshotSelf : snapshot;
	past->by_lookup = by_lookup;
	old = MemoryContextSwitchTo(context);
	past->long_values = custody_longvalue_begin(layouts, relations,
												past->entry_snapshot, by_lookup);
	MemoryContextSwitchTo(old);
	return past;
}

CustodyPast *
custody_past_begin_at(CustodyLayouts *layouts, Bitmapset *relations,
					  int64 leaf_index, Snapshot snapshot)
{
	CustodyPast *past = make(layouts, relations, snapshot, false);
	MemoryContext old = MemoryContextSwitchTo(past->context);
	ScanKeyData key;

	custody_catalog_key_int8(&key, Anum_leaf_leaf_index,
							 BTGreaterEqualStrategyNumber, leaf_index);
	custody_catalog_scan_begin(&past->leaves, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY,
							   snapshot, ForwardScanDirection, 1, &key);
	past->in_leaves = true;
	MemoryContextSwitchTo(old);
	return past;
}

CustodyPast *
custody_past_begin(CustodyLayouts *layouts, Bitmapset *relations,
				   Snapshot snapshot)
{
	return custody_past_begin_at(layouts, relations, 0, snapshot);
}

/*
 * Read a transaction's record, if the caller's snapshot shows it, in the
 * current context.
 */
static bytea *
read_record(CustodyPast *past, int64 txn_no)
{
	ScanKeyData key;
	CustodyScan scan;
	bytea	   *bytes = NULL;

	custody_catalog_key_int8(&key, Anum_transaction_txn_no,
							 BTEqualStrategyNumber, txn_no);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRANSACTION, CUSTODY_TRANSACTION_PKEY,
							   past->entry_snapshot, ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
	{
		HeapTupleHeader header = scan.tuple->t_data;

		if (HeapTupleHeaderXminFrozen(header) ||
			!XidInMVCCSnapshot(HeapTupleHeaderGetXmin(header), past->snapshot))
			bytes = custody_catalog_get_bytea(&scan, Anum_transaction_record);
	}
	custody_catalog_scan_end(&scan);
	return bytes;
}

/* Load a transaction's record; false if it has none. */
static bool
load_record(CustodyPast *past, int64 txn_no, int64 leaf_index)
{
	CustodyPastEntry *entry = &past->entry;
	MemoryContext old;
	bytea	   *bytes;

	if (entry->txn_no == txn_no && past->record_bytes != NULL)
		return true;
	MemoryContextReset(past->txn_context);
	old = MemoryContextSwitchTo(past->txn_context);
	bytes = past->record_bytes = read_record(past, txn_no);
	MemoryContextSwitchTo(old);
	entry->txn_no = txn_no;
	entry->leaf_index = leaf_index;
	entry->record = NULL;
	if (bytes != NULL &&
		cc_record_decode(&past->record, VARDATA_ANY(bytes),
						 VARSIZE_ANY_EXHDR(bytes)) == CC_OK)
		entry->record = &past->record;
	return bytes != NULL;
}

static int
compare_candidates(const void *a, const void *b)
{
	const Candidate *x = a;
	const Candidate *y = b;

	if (x->leaf_index != y->leaf_index)
		return x->leaf_index < y->leaf_index ? -1 : 1;
	if (x->commit_number != y->commit_number)
		return x->commit_number < y->commit_number ? -1 : 1;
	if (x->position.first_entry != y->position.first_entry)
		return x->position.first_entry < y->position.first_entry ? -1 : 1;
	return 0;
}

/* Place the chunks in the log; those of transactions without record drop out. */
static void
place_candidates(CustodyPast *past, List *positions)
{
	ListCell   *lc;

	past->candidates = palloc((list_length(positions) + 1) * sizeof(Candidate));
	foreach(lc, positions)
	{
		CustodyPosition *position = lfirst(lc);
		Candidate  *candidate = &past->candidates[past->ncandidates];
		int64		leaf = custody_reader_leaf_index(position->txn_no, past->snapshot);

		if (!load_record(past, position->txn_no, leaf) && leaf < 0)
			continue;
		candidate->position = *position;
		candidate->leaf_index = leaf < 0 ? PG_INT64_MAX : leaf;
		candidate->commit_number = past->entry.record == NULL ? 0 :
			past->entry.record->commit_number;
		past->ncandidates++;
	}
	qsort(past->candidates, past->ncandidates, sizeof(Candidate), compare_candidates);
}

CustodyPast *
custody_past_begin_lookup(CustodyLayouts *layouts, Bitmapset *relations,
						  const int64 *numbers, int n, Snapshot snapshot)
{
	CustodyPast *past = make(layouts, relations, snapshot, true);
	MemoryContext old = MemoryContextSwitchTo(past->context);

	place_candidates(past, custody_lookup_chunks(numbers, n, past->entry_snapshot));
	MemoryContextSwitchTo(old);
	return past;
}

void
custody_past_end(CustodyPast *past)
{
	if (past->walking)
		custody_reader_walk_end(&past->walk);
	if (past->in_leaves)
		custody_catalog_scan_end(&past->leaves);
	MemoryContextDelete(past->context);
}

/* The next transaction of the whole ledger; false at the end. */
static bool
next_transaction(CustodyPast *past, int64 *txn_no, int64 *leaf_index)
{
	bool		isnull;
	CustodyUnsealed *unsealed;

	while (past->in_leaves)
	{
		if (!custody_catalog_scan_next(&past->leaves))
		{
			custody_catalog_scan_end(&past->leaves);
			past->in_leaves = false;
			past->unsealed = custody_reader_unsealed(past->snapshot);
			break;
		}
		*leaf_index = DatumGetInt64(custody_catalog_get(&past->leaves,
														Anum_leaf_leaf_index));
		*txn_no = DatumGetInt64(custody_catalog_getattr(&past->leaves,
														Anum_leaf_txn_no, &isnull));
		if (!isnull)
			return true;
	}
	if (past->next_unsealed >= list_length(past->unsealed))
		return false;
	unsealed = list_nth(past->unsealed, past->next_unsealed++);
	*txn_no = unsealed->txn_no;
	*leaf_index = -1;
	return true;
}

/* Begin to walk the next transaction or chunk; false at the end. */
static bool
next_walk(CustodyPast *past)
{
	MemoryContext old = MemoryContextSwitchTo(past->context);
	int64		txn_no;
	int64		leaf_index;

	CHECK_FOR_INTERRUPTS();
	if (past->by_lookup)
	{
		Candidate  *c = &past->candidates[past->next_candidate];

		if (past->next_candidate < past->ncandidates)
		{
			past->next_candidate++;
			load_record(past, c->position.txn_no,
						c->leaf_index == PG_INT64_MAX ? -1 : c->leaf_index);
			custody_reader_walk_chunk(&past->walk, c->position.txn_no,
									  c->position.first_entry, past->entry_snapshot);
			past->walking = true;
		}
	}
	else if (next_transaction(past, &txn_no, &leaf_index))
	{
		load_record(past, txn_no, leaf_index);
		custody_reader_walk_begin(&past->walk, txn_no, past->entry_snapshot);
		past->walking = true;
	}
	MemoryContextSwitchTo(old);
	return past->walking;
}

CustodyPastEntry *
custody_past_next(CustodyPast *past)
{
	CustodyPastEntry *entry = &past->entry;

	while (past->walking || next_walk(past))
	{
		bool		wanted;
		MemoryContext old;

		if (!custody_reader_walk_next(&past->walk))
		{
			custody_reader_walk_end(&past->walk);
			past->walking = false;
			continue;
		}
		MemoryContextReset(past->entry_context);
		old = MemoryContextSwitchTo(past->entry_context);
		wanted = custody_pastentry_open(entry, past->layouts, past->relations,
										&past->walk);
		if (wanted && entry->open)
			custody_longvalue_note(past->long_values, entry);
		MemoryContextSwitchTo(old);
		if (wanted)
			return entry;
	}
	return NULL;
}

void
custody_past_resolve(CustodyPast *past, cc_value *values, int n)
{
	custody_longvalue_resolve(past->long_values, values, n);
}
