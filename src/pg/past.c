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
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/catalog.h"
#include "pg/longvalue.h"
#include "pg/lookup.h"
#include "pg/past.h"
#include "pg/reader.h"
#include "pg/tail.h"

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
	CustodyPosition *positions;
	int			npositions;
	int			next_position;

	/* Current transaction. */
	bool		walking;
	bool		single;			/* the walk stands on the one entry wanted */
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
												past->entry_snapshot, snapshot, by_lookup);
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
read_record(CustodyPast *past, uint64 xact_id, int64 txn_no)
{
	ScanKeyData key;
	CustodyScan scan;
	bytea	   *bytes = NULL;

	ScanKeyInit(&key, Anum_transaction_xact_id, BTEqualStrategyNumber, F_XID8EQ,
				UInt64GetDatum(xact_id));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRANSACTION, CUSTODY_TRANSACTION_XACT_ID,
							   past->entry_snapshot, ForwardScanDirection, 1, &key);
	while (bytes == NULL && custody_catalog_scan_next(&scan))
		if (DatumGetInt64(custody_catalog_get(&scan, Anum_transaction_txn_no)) == txn_no &&
			custody_reader_shows(&scan, past->snapshot))
			bytes = custody_catalog_get_bytea(&scan, Anum_transaction_record);
	custody_catalog_scan_end(&scan);
	return bytes;
}

/* Load a transaction's record; false if it has none. */
static bool
load_record(CustodyPast *past, uint64 xact_id, int64 txn_no, int64 leaf_index)
{
	CustodyPastEntry *entry = &past->entry;
	MemoryContext old;
	bytea	   *bytes;

	if (entry->txn_no == txn_no && past->record_bytes != NULL)
		return true;
	MemoryContextReset(past->txn_context);
	old = MemoryContextSwitchTo(past->txn_context);
	bytes = past->record_bytes = read_record(past, xact_id, txn_no);
	MemoryContextSwitchTo(old);
	entry->txn_no = txn_no;
	entry->xact_id = xact_id;
	entry->leaf_index = leaf_index;
	entry->record = NULL;
	if (bytes != NULL && custody_reader_decode(&past->record, bytes) == CC_OK)
		entry->record = &past->record;
	return bytes != NULL;
}

CustodyPast *
custody_past_begin_lookup(CustodyLayouts *layouts, Bitmapset *relations,
						  const int64 *numbers, int n, Snapshot snapshot)
{
	CustodyPast *past = make(layouts, relations, snapshot, true);
	MemoryContext old = MemoryContextSwitchTo(past->context);

	past->positions = custody_lookup_entries(numbers, n, snapshot, &past->npositions);
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
next_transaction(CustodyPast *past, CustodyLeaf *leaf)
{
	CustodyUnsealed *unsealed;

	while (past->in_leaves)
	{
		if (!custody_catalog_scan_next(&past->leaves))
		{
			custody_catalog_scan_end(&past->leaves);
			past->in_leaves = false;
			past->unsealed = custody_tail(past->snapshot);
			break;
		}
		custody_reader_leaf_row(&past->leaves, leaf);
		if (leaf->txn_no != 0)
			return true;
	}
	if (past->next_unsealed >= list_length(past->unsealed))
		return false;
	unsealed = list_nth(past->unsealed, past->next_unsealed++);
	leaf->leaf_index = -1;
	leaf->txn_no = unsealed->txn_no;
	leaf->xact_id = unsealed->xact_id;
	return true;
}

static void
begin_walk(CustodyPast *past, uint64 xact_id, int64 txn_no, int64 entry_no)
{
	if (past->walking)
		custody_reader_walk_end(&past->walk);
	custody_reader_walk_at(&past->walk, xact_id, txn_no, entry_no, past->entry_snapshot);
	past->walk.heads_only = true;
	past->walking = true;
}

/* Go on within the chunk to an entry; false if it is not in there. */
static bool
advance(CustodyPast *past, const CustodyPosition *p)
{
	CustodyEntryWalk *walk = &past->walk;

	if (!past->walking || walk->chunk.txn_no != p->txn_no || walk->next_entry_no > p->entry_no)
		return false;
	while (!walk->last_in_chunk && custody_reader_walk_next(walk))
		if (walk->entry_no == p->entry_no)
			return true;
	return false;
}

/* Stand on the next entry found, or begin the next transaction; false at the end. */
static bool
next_position(CustodyPast *past)
{
	while (past->next_position < past->npositions)
	{
		const CustodyPosition *p = &past->positions[past->next_position++];

		CHECK_FOR_INTERRUPTS();
		past->single = p->entry_no != CUSTODY_ANY_ENTRY;
		if (!load_record(past, p->xact_id, p->txn_no,
						 p->leaf_index == CUSTODY_NOT_SEALED ? -1 : p->leaf_index) &&
			!past->single)
			continue;
		if (!past->single)
		{
			begin_walk(past, p->xact_id, p->txn_no, 0);
			return true;
		}
		if (advance(past, p))
			return true;
		begin_walk(past, p->xact_id, p->txn_no, p->entry_no);
		if (custody_reader_walk_to(&past->walk, p->entry_no))
			return true;
	}
	return false;
}

/* Begin to walk what comes next; false at the end. */
static bool
next_walk(CustodyPast *past)
{
	MemoryContext old = MemoryContextSwitchTo(past->context);
	CustodyLeaf leaf;
	bool		found;

	CHECK_FOR_INTERRUPTS();
	if (past->by_lookup)
		found = next_position(past);
	else
	{
		found = next_transaction(past, &leaf);
		if (found)
		{
			load_record(past, leaf.xact_id, leaf.txn_no, leaf.leaf_index);
			begin_walk(past, leaf.xact_id, leaf.txn_no, 0);
		}
	}
	MemoryContextSwitchTo(old);
	return found;
}

/* Stand on the next entry; false at the end. */
static bool
next_entry(CustodyPast *past)
{
	for (;;)
	{
		if (past->walking && !past->single && custody_reader_walk_next(&past->walk))
			return true;
		if (!next_walk(past))
			return false;
		if (past->single)
			return true;
	}
}

CustodyPastEntry *
custody_past_next(CustodyPast *past)
{
	CustodyPastEntry *entry = &past->entry;

	while (next_entry(past))
	{
		bool		wanted;
		MemoryContext old;

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
