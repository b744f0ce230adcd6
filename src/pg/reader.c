/*
 * reader.c
 *	  Reading the ledger back: leaves in order, the entries of a transaction,
 *	  transactions not yet sealed.
 *
 * Nothing is judged here: stored bytes that cannot be taken apart set
 * 'damaged' and the walk goes on with the next chunk, so that a verifier can
 * say what is wrong and a reader of history still gets the rest.
 *
 * Locks: AccessShareLock on a ledger relation while it is scanned.  Memory: a
 * walk keeps one chunk at a time in a context of its own, under the context
 * that was current when it began.  Transaction state: any in which the
 * snapshot may be used, a hot standby's included; nothing is written.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/reader.h"

static void
walk_init(CustodyEntryWalk *walk, int64 txn_no)
{
	memset(walk, 0, sizeof(*walk));
	walk->parent = CurrentMemoryContext;
	walk->context = AllocSetContextCreate(CurrentMemoryContext,
										  "pg_custody entry walk",
										  ALLOCSET_DEFAULT_SIZES);
	walk->chunk.txn_no = txn_no;
}

void
custody_reader_walk_begin(CustodyEntryWalk *walk, int64 txn_no, Snapshot snapshot)
{
	ScanKeyData key;

	walk_init(walk, txn_no);
	custody_catalog_key_int8(&key, Anum_chunk_txn_no, BTEqualStrategyNumber, txn_no);
	custody_catalog_scan_begin(&walk->scan, CUSTODY_LOG_CHUNK, CUSTODY_CHUNK_PKEY,
							   snapshot, ForwardScanDirection, 1, &key);
}

void
custody_reader_walk_chunk(CustodyEntryWalk *walk, int64 txn_no, int64 first_entry,
						  Snapshot snapshot)
{
	ScanKeyData keys[2];

	walk_init(walk, txn_no);
	walk->next_entry_no = first_entry;
	custody_catalog_key_int8(&keys[0], Anum_chunk_txn_no, BTEqualStrategyNumber, txn_no);
	custody_catalog_key_int8(&keys[1], Anum_chunk_first_entry, BTEqualStrategyNumber, first_entry);
	custody_catalog_scan_begin(&walk->scan, CUSTODY_LOG_CHUNK, CUSTODY_CHUNK_PKEY,
							   snapshot, ForwardScanDirection, 2, keys);
}

/* First entry of the chunk that holds an entry; the entry itself if none does. */
static int64
find_chunk(int64 txn_no, int64 entry_no, Snapshot snapshot)
{
	ScanKeyData keys[2];
	CustodyScan scan;
	int64		first_entry = entry_no;

	custody_catalog_key_int8(&keys[0], Anum_chunk_txn_no, BTEqualStrategyNumber, txn_no);
	custody_catalog_key_int8(&keys[1], Anum_chunk_first_entry,
							 BTLessEqualStrategyNumber, entry_no);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHUNK, CUSTODY_CHUNK_PKEY,
							   snapshot, BackwardScanDirection, 2, keys);
	if (custody_catalog_scan_next(&scan))
		first_entry = DatumGetInt64(custody_catalog_get(&scan, Anum_chunk_first_entry));
	custody_catalog_scan_end(&scan);
	return first_entry;
}

void
custody_reader_walk_from(CustodyEntryWalk *walk, int64 txn_no, int64 entry_no,
						 Snapshot snapshot)
{
	ScanKeyData keys[2];
	int64		first_entry = find_chunk(txn_no, entry_no, snapshot);

	walk_init(walk, txn_no);
	walk->next_entry_no = first_entry;
	custody_catalog_key_int8(&keys[0], Anum_chunk_txn_no, BTEqualStrategyNumber, txn_no);
	custody_catalog_key_int8(&keys[1], Anum_chunk_first_entry,
							 BTGreaterEqualStrategyNumber, first_entry);
	custody_catalog_scan_begin(&walk->scan, CUSTODY_LOG_CHUNK, CUSTODY_CHUNK_PKEY,
							   snapshot, ForwardScanDirection, 2, keys);
}

/* Load the next chunk; false when there is none. */
static bool
load_chunk(CustodyEntryWalk *walk)
{
	MemoryContext old;
	CustodyChunk *chunk = &walk->chunk;
	bool		found;

	/* The scan keeps what it allocates; the caller may reset his context. */
	old = MemoryContextSwitchTo(walk->parent);
	found = custody_catalog_scan_next(&walk->scan);
	MemoryContextSwitchTo(old);
	if (!found)
		return false;
	MemoryContextReset(walk->context);
	old = MemoryContextSwitchTo(walk->context);
	chunk->first_entry = DatumGetInt64(custody_catalog_get(&walk->scan, Anum_chunk_first_entry));
	chunk->lookup = DatumGetArrayTypePCopy(custody_catalog_get(&walk->scan, Anum_chunk_lookup));
	chunk->entries = custody_catalog_get_bytea(&walk->scan, Anum_chunk_entries);
	chunk->private_part = custody_catalog_get_bytea(&walk->scan, Anum_chunk_private);
	MemoryContextSwitchTo(old);

	cc_reader_init(&walk->entries, VARDATA_ANY(chunk->entries),
				   VARSIZE_ANY_EXHDR(chunk->entries));
	cc_reader_init(&walk->privates, VARDATA_ANY(chunk->private_part),
				   VARSIZE_ANY_EXHDR(chunk->private_part));
	if (chunk->first_entry != walk->next_entry_no || walk->entries.len == 0)
		walk->damaged = true;
	walk->next_entry_no = chunk->first_entry;
	walk->in_chunk = true;
	walk->first_in_chunk = true;
	return true;
}

/* Leave a chunk whose entries are used up or cannot be told apart. */
static void
leave_chunk(CustodyEntryWalk *walk)
{
	if (cc_reader_end(&walk->entries) != CC_OK ||
		cc_reader_end(&walk->privates) != CC_OK)
		walk->damaged = true;
	walk->in_chunk = false;
}

/* Read the next entry; false when there is none. */
bool
custody_reader_walk_next(CustodyEntryWalk *walk)
{
	walk->first_in_chunk = false;
	for (;;)
	{
		if (!walk->in_chunk && !load_chunk(walk))
			return false;
		if (walk->entries.pos < walk->entries.len)
		{
			walk->committed = cc_read_bytes(&walk->entries);
			walk->private_part = cc_read_bytes(&walk->privates);
			if (walk->entries.status == CC_OK && walk->privates.status == CC_OK)
				break;
		}
		leave_chunk(walk);
	}
	walk->entry_no = walk->next_entry_no++;
	walk->last_in_chunk = walk->entries.pos == walk->entries.len;
	return true;
}

void
custody_reader_walk_end(CustodyEntryWalk *walk)
{
	custody_catalog_scan_end(&walk->scan);
	MemoryContextDelete(walk->context);
}

/* Leaf index of a transaction, -1 if it is not sealed. */
int64
custody_reader_leaf_index(int64 txn_no, Snapshot snapshot)
{
	ScanKeyData key;
	CustodyScan scan;
	int64		leaf_index = -1;

	custody_catalog_key_int8(&key, Anum_leaf_txn_no, BTEqualStrategyNumber, txn_no);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_TXN_NO,
							   snapshot, ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
		leaf_index = DatumGetInt64(custody_catalog_get(&scan, Anum_leaf_leaf_index));
	custody_catalog_scan_end(&scan);
	return leaf_index;
}

/* Transaction record by number, NULL if there is none. */
bytea *
custody_reader_record(int64 txn_no, Snapshot snapshot)
{
	ScanKeyData key;
	CustodyScan scan;
	bytea	   *record = NULL;

	custody_catalog_key_int8(&key, Anum_transaction_txn_no, BTEqualStrategyNumber, txn_no);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRANSACTION, CUSTODY_TRANSACTION_PKEY,
							   snapshot, ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
		record = custody_catalog_get_bytea(&scan, Anum_transaction_record);
	custody_catalog_scan_end(&scan);
	return record;
}

/* Next transaction number that has a leaf, in order; false at the end. */
static bool
next_sealed(CustodyScan *leaves, int64 *txn_no)
{
	bool		isnull;
	Datum		value;

	if (!custody_catalog_scan_next(leaves))
		return false;
	value = custody_catalog_getattr(leaves, Anum_leaf_txn_no, &isnull);
	if (isnull)
		return false;			/* block headers sort last */
	*txn_no = DatumGetInt64(value);
	return true;
}

static CustodyUnsealed *
make_unsealed(CustodyScan *transactions, int64 txn_no)
{
	CustodyUnsealed *unsealed = palloc(sizeof(CustodyUnsealed));
	bytea	   *bytes = custody_catalog_get_bytea(transactions, Anum_transaction_record);
	cc_record	record;

	unsealed->txn_no = txn_no;
	unsealed->commit_number = PG_UINT64_MAX;
	if (cc_record_decode(&record, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)) == CC_OK)
		unsealed->commit_number = record.commit_number;
	pfree(bytes);
	return unsealed;
}

static int
compare_unsealed(const ListCell *a, const ListCell *b)
{
	const CustodyUnsealed *x = lfirst(a);
	const CustodyUnsealed *y = lfirst(b);

	if (x->commit_number != y->commit_number)
		return x->commit_number < y->commit_number ? -1 : 1;
	if (x->txn_no != y->txn_no)
		return x->txn_no < y->txn_no ? -1 : 1;
	return 0;
}

/*
 * Transactions without leaf.  Both relations are read in order of transaction
 * number and merged, so that only what is not sealed takes memory.
 */
List *
custody_reader_unsealed(Snapshot snapshot)
{
	List	   *result = NIL;
	CustodyScan transactions;
	CustodyScan leaves;
	int64		sealed = 0;
	bool		have_sealed;

	custody_catalog_scan_begin(&transactions, CUSTODY_LOG_TRANSACTION,
							   CUSTODY_TRANSACTION_PKEY, snapshot,
							   ForwardScanDirection, 0, NULL);
	custody_catalog_scan_begin(&leaves, CUSTODY_LOG_LEAF, CUSTODY_LEAF_TXN_NO,
							   snapshot, ForwardScanDirection, 0, NULL);
	have_sealed = next_sealed(&leaves, &sealed);
	while (custody_catalog_scan_next(&transactions))
	{
		int64		txn_no = DatumGetInt64(custody_catalog_get(&transactions,
															   Anum_transaction_txn_no));

		CHECK_FOR_INTERRUPTS();
		while (have_sealed && sealed < txn_no)
			have_sealed = next_sealed(&leaves, &sealed);
		if (!have_sealed || sealed != txn_no)
			result = lappend(result, make_unsealed(&transactions, txn_no));
	}
	custody_catalog_scan_end(&leaves);
	custody_catalog_scan_end(&transactions);
	list_sort(result, compare_unsealed);
	return result;
}

cc_slice
custody_reader_slice(const bytea *bytes)
{
	cc_slice	s;

	s.data = (const uint8_t *) VARDATA_ANY(bytes);
	s.len = VARSIZE_ANY_EXHDR(bytes);
	return s;
}
