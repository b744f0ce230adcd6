/*
 * past.c
 *	  Entries in the order of the log, opened: what history is made of.
 *
 * Sealed transactions come first, by leaf index, then the others by commit
 * number: the order in which they will be sealed.  A transaction without a
 * record has not committed and is passed over.  Stored bytes that cannot be
 * taken apart are passed over too: naming them is verify's work.
 *
 * A long value that an update left alone is stored once, by the entry that
 * brought it.  The walk remembers where each stands, not its bytes, and reads
 * it again when a row that refers to it is shown.  A row whose key changed has
 * its long values under the old key: those chunks are searched when needed.
 *
 * A walk by lookup number takes no predicate locks: an application that asks
 * for a row's history and then changes the row, in a serializable transaction,
 * must not be aborted because others append to the same ledger.  It reads what
 * has committed (SnapshotSelf), and then drops the transactions that the
 * caller's snapshot does not show.
 *
 * Locks: AccessShareLock on the ledger.  Memory: a context per walk, holding
 * one transaction, one chunk and one entry at a time, and 64 bytes for each
 * long value seen.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/catalog.h"
#include "pg/lookup.h"
#include "pg/past.h"
#include "pg/reader.h"

/* Where the bytes of a long value are. */
typedef struct LongValue
{
	uint8		digest[CC_DIGEST_SIZE]; /* hash key */
	int64		txn_no;
	int64		first_entry;
	int64		entry_no;
} LongValue;

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
	List	   *old_lookups;	/* int64 *: old keys not yet searched */

	/* Current transaction and chunk. */
	bool		walking;
	CustodyEntryWalk walk;
	bytea	   *record_bytes;
	cc_record	record;
	CustodyPastEntry entry;

	HTAB	   *long_values;
};

static CustodyPast *
make(CustodyLayouts *layouts, Bitmapset *relations, Snapshot snapshot)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "custody past",
												  ALLOCSET_DEFAULT_SIZES);
	CustodyPast *past = MemoryContextAllocZero(context, sizeof(CustodyPast));
	HASHCTL		ctl = {0};

	past->context = context;
	past->txn_context = AllocSetContextCreate(context, "custody past transaction",
											  ALLOCSET_SMALL_SIZES);
	past->entry_context = AllocSetContextCreate(context, "custody past entry",
												ALLOCSET_DEFAULT_SIZES);
	past->layouts = layouts;
	past->relations = relations;
	past->snapshot = snapshot;
	past->entry_snapshot = snapshot;
	ctl.keysize = CC_DIGEST_SIZE;
	ctl.entrysize = sizeof(LongValue);
	ctl.hcxt = context;
	past->long_values = hash_create("custody long values", 64, &ctl,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return past;
}

CustodyPast *
custody_past_begin_at(CustodyLayouts *layouts, Bitmapset *relations,
					  int64 leaf_index, Snapshot snapshot)
{
	CustodyPast *past = make(layouts, relations, snapshot);
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
	CustodyPast *past = make(layouts, relations, snapshot);
	MemoryContext old = MemoryContextSwitchTo(past->context);

	past->by_lookup = true;
	past->entry_snapshot = SnapshotSelf;
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

/* Open the values of a row-level entry, in the current context. */
static void
open_values(CustodyPastEntry *entry, cc_slice private_part)
{
	uint16_t	n;

	entry->open = false;
	entry->erased = private_part.len == 1 &&
		private_part.data[0] == CC_PRIVATE_ERASED;
	if (entry->layout == NULL || entry->erased)
		return;
	n = entry->layout->decoded->schema.ncolumns;
	memset(&entry->values, 0, sizeof(entry->values));
	entry->values.values = palloc((n + 1) * sizeof(cc_value));
	entry->values.old_key = palloc((n + 1) * sizeof(cc_value));
	entry->values.values_capacity = n + 1;
	entry->open = cc_private_decode(&entry->values, &entry->head,
									&entry->layout->decoded->schema,
									private_part.data, private_part.len) == CC_OK &&
		entry->values.form == CC_PRIVATE_WHOLE;
}

/* Remember where an entry's long values are. */
static void
note_long_values(CustodyPast *past, const CustodyPastEntry *entry)
{
	for (int i = 0; i < entry->values.nvalues; i++)
	{
		const cc_value *value = &entry->values.values[i];
		LongValue  *place;
		bool		found;

		if (value->form != CC_VALUE_LONG)
			continue;
		place = hash_search(past->long_values, value->digest, HASH_ENTER, &found);
		if (found)
			continue;
		place->txn_no = entry->txn_no;
		place->first_entry = entry->first_entry;
		place->entry_no = entry->entry_no;
	}
}

/* Remember the old key of a row, to search for its long values. */
static void
note_old_key(CustodyPast *past, const CustodyPastEntry *entry)
{
	int64	   *lookup;

	if (!past->by_lookup || !(entry->head.flags & CC_ENTRY_KEY_CHANGED))
		return;
	lookup = MemoryContextAlloc(past->context, sizeof(int64));
	*lookup = cc_lookup_key(entry->head.relation, entry->values.old_key, NULL,
							entry->values.nold_key);
	past->old_lookups = lappend(past->old_lookups, lookup);
}

/* Take apart the entry the walk stands on; false to pass over it. */
static bool
open_entry(CustodyPast *past, const CustodyEntryWalk *walk, CustodyPastEntry *entry)
{
	if (cc_entry_decode(&entry->head, walk->committed.data,
						walk->committed.len) != CC_OK)
		return false;
	if (past->relations != NULL &&
		!bms_is_member((int) Min(entry->head.relation, PG_INT32_MAX),
					   past->relations))
		return false;
	entry->first_entry = walk->chunk.first_entry;
	entry->entry_no = walk->entry_no;
	entry->layout = custody_layouts_find(past->layouts, entry->head.version);
	entry->open = false;
	entry->erased = false;
	if (cc_kind_is_row(entry->head.kind))
		open_values(entry, walk->private_part);
	return true;
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
		wanted = open_entry(past, &past->walk, entry);
		if (wanted && entry->open)
		{
			note_long_values(past, entry);
			MemoryContextSwitchTo(past->context);
			note_old_key(past, entry);
		}
		MemoryContextSwitchTo(old);
		if (wanted)
			return entry;
	}
	return NULL;
}

/* Walk a chunk for its long values, and its old keys. */
static void
search_chunk(CustodyPast *past, const CustodyPosition *position)
{
	CustodyEntryWalk walk;
	CustodyPastEntry entry = {0};

	entry.txn_no = position->txn_no;
	custody_reader_walk_chunk(&walk, position->txn_no, position->first_entry,
							  past->entry_snapshot);
	while (custody_reader_walk_next(&walk))
	{
		if (!open_entry(past, &walk, &entry) || !entry.open)
			continue;
		note_long_values(past, &entry);
		note_old_key(past, &entry);
	}
	custody_reader_walk_end(&walk);
}

/* Search under the old keys seen, until a digest is found. */
static LongValue *
search_old_keys(CustodyPast *past, const uint8 *digest)
{
	LongValue  *place = NULL;

	while (place == NULL && past->old_lookups != NIL)
	{
		int64	   *number = linitial(past->old_lookups);
		MemoryContext old = MemoryContextSwitchTo(past->context);
		ListCell   *lc;

		past->old_lookups = list_delete_first(past->old_lookups);
		foreach(lc, custody_lookup_chunks(number, 1, past->entry_snapshot))
			search_chunk(past, lfirst(lc));
		MemoryContextSwitchTo(old);
		place = hash_search(past->long_values, digest, HASH_FIND, NULL);
	}
	return place;
}

/* Read a long value again, into the current context. */
static void
fetch_long(CustodyPast *past, const LongValue *place, cc_value *value)
{
	CustodyEntryWalk walk;
	CustodyPastEntry entry = {0};

	custody_reader_walk_chunk(&walk, place->txn_no, place->first_entry,
							  past->entry_snapshot);
	while (custody_reader_walk_next(&walk))
	{
		if (walk.entry_no != place->entry_no ||
			!open_entry(past, &walk, &entry) || !entry.open)
			continue;
		for (int i = 0; i < entry.values.nvalues; i++)
		{
			const cc_value *held = &entry.values.values[i];

			if (held->form != CC_VALUE_LONG || !cc_value_equal(held, value))
				continue;
			value->data = memcpy(MemoryContextAllocHuge(CurrentMemoryContext, held->len),
								 held->data, held->len);
			value->form = CC_VALUE_LONG;
			break;
		}
		break;
	}
	custody_reader_walk_end(&walk);
}

void
custody_past_resolve(CustodyPast *past, cc_value *values, int n)
{
	for (int i = 0; i < n; i++)
	{
		LongValue  *place;

		if (values[i].form != CC_VALUE_REFERENCE)
			continue;
		place = hash_search(past->long_values, values[i].digest, HASH_FIND, NULL);
		if (place == NULL)
			place = search_old_keys(past, values[i].digest);
		if (place != NULL)
			fetch_long(past, place, &values[i]);
	}
}

void
custody_past_key(const CustodyPastEntry *entry, uint8 key[CC_DIGEST_SIZE])
{
	const cc_schema *s = &entry->layout->decoded->schema;

	Assert(entry->open);
	cc_key_digest(key, 0, entry->values.values,
				  cc_kind_has_row(entry->head.kind) ? cc_schema_key_positions(s) : NULL,
				  cc_schema_key_count(s));
}

void
custody_past_old_key(const CustodyPastEntry *entry, uint8 key[CC_DIGEST_SIZE])
{
	Assert(entry->open && (entry->head.flags & CC_ENTRY_KEY_CHANGED));
	cc_key_digest(key, 0, entry->values.old_key, NULL, entry->values.nold_key);
}

TimestampTz
custody_past_time(int64 microseconds)
{
	return microseconds -
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}
