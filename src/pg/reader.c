/*
 * reader.c
 *	  Reading the ledger back: rows of log_transaction and log_leaf.
 *
 * log_transaction has one index, by transaction id, since rows are picked up
 * by it and every index costs the application.  A transaction is found by its
 * number through its leaf, which names the id as well; one that is not sealed
 * yet is searched from the newest on.
 *
 * Locks: AccessShareLock on a ledger relation while it is scanned.  Memory:
 * current context.  Transaction state: any in which the snapshot may be used,
 * a hot standby's included; nothing is written.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "pg/compat.h"
#include "pg/reader.h"
#include "pg/txnsort.h"

/* Rows of log_transaction */

void
custody_reader_row(CustodyScan *scan, CustodyTransactionRow *row)
{
	row->xact_id = U64FromFullTransactionId(DatumGetFullTransactionId(custody_catalog_get(scan, Anum_transaction_xact_id)));
	row->txn_no = DatumGetInt64(custody_catalog_get(scan, Anum_transaction_txn_no));
	row->first_entry = DatumGetInt64(custody_catalog_get(scan, Anum_transaction_first_entry));
	row->record = custody_catalog_get_bytea(scan, Anum_transaction_record);
	row->entries = custody_catalog_get_bytea(scan, Anum_transaction_entries);
	row->xmin = HeapTupleHeaderGetRawXmin(scan->tuple->t_data);
}

/* The caller has read it with SnapshotSelf, so it is committed. */
bool
custody_reader_shows(CustodyScan *scan, Snapshot snapshot)
{
	HeapTupleHeader header = scan->tuple->t_data;

	return !IsMVCCSnapshot(snapshot) || HeapTupleHeaderXminFrozen(header) ||
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(header)) ||
		!XidInMVCCSnapshot(HeapTupleHeaderGetXmin(header), snapshot);
}

bool
custody_reader_transaction(uint64 xact_id, int64 txn_no, Snapshot snapshot,
						   CustodyTransactionRow *row)
{
	ScanKeyData key;
	CustodyScan scan;
	bool		found = false;

	ScanKeyInit(&key, Anum_transaction_xact_id, BTEqualStrategyNumber, F_XID8EQ,
				UInt64GetDatum(xact_id));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRANSACTION, CUSTODY_TRANSACTION_XACT_ID,
							   snapshot, ForwardScanDirection, 1, &key);
	while (!found && custody_catalog_scan_next(&scan))
		found = DatumGetInt64(custody_catalog_get(&scan, Anum_transaction_txn_no)) == txn_no;
	if (found)
		custody_reader_row(&scan, row);
	custody_catalog_scan_end(&scan);
	return found;
}

/* From the newest on. */
bool
custody_reader_search(int64 txn_no, Snapshot snapshot, CustodyTransactionRow *row)
{
	CustodyScan scan;
	bool		found = false;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRANSACTION, CUSTODY_TRANSACTION_XACT_ID,
							   snapshot, BackwardScanDirection, 0, NULL);
	while (!found && custody_catalog_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		found = DatumGetInt64(custody_catalog_get(&scan, Anum_transaction_txn_no)) == txn_no;
	}
	if (found)
		custody_reader_row(&scan, row);
	custody_catalog_scan_end(&scan);
	return found;
}

bool
custody_reader_find(int64 txn_no, Snapshot snapshot, CustodyTransactionRow *row)
{
	CustodyLeaf leaf;

	if (custody_reader_leaf(txn_no, snapshot, &leaf))
		return custody_reader_transaction(leaf.xact_id, txn_no, snapshot, row);
	return custody_reader_search(txn_no, snapshot, row);
}

/* Rows of log_leaf */

void
custody_reader_leaf_row(CustodyScan *scan, CustodyLeaf *leaf)
{
	bool		isnull;
	Datum		value;

	memset(leaf, 0, sizeof(*leaf));
	leaf->leaf_index = DatumGetInt64(custody_catalog_get(scan, Anum_leaf_leaf_index));
	value = custody_catalog_getattr(scan, Anum_leaf_txn_no, &isnull);
	if (!isnull)
		leaf->txn_no = DatumGetInt64(value);
	value = custody_catalog_getattr(scan, Anum_leaf_xact_id, &isnull);
	if (!isnull)
		leaf->xact_id = U64FromFullTransactionId(DatumGetFullTransactionId(value));
	value = custody_catalog_getattr(scan, Anum_leaf_root, &isnull);
	if (!isnull)
	{
		bytea	   *root = DatumGetByteaPP(value);

		leaf->has_root = VARSIZE_ANY_EXHDR(root) == CC_DIGEST_SIZE;
		if (leaf->has_root)
			memcpy(leaf->root, VARDATA_ANY(root), CC_DIGEST_SIZE);
	}
}

static bool
read_leaf(int column, CustodyIndex index, int64 number, Snapshot snapshot,
		  CustodyLeaf *leaf)
{
	ScanKeyData key;
	CustodyScan scan;
	bool		found;

	custody_catalog_key_int8(&key, column, BTEqualStrategyNumber, number);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, index, snapshot,
							   ForwardScanDirection, 1, &key);
	found = custody_catalog_scan_next(&scan);
	if (found)
		custody_reader_leaf_row(&scan, leaf);
	custody_catalog_scan_end(&scan);
	return found;
}

bool
custody_reader_leaf(int64 txn_no, Snapshot snapshot, CustodyLeaf *leaf)
{
	return read_leaf(Anum_leaf_txn_no, CUSTODY_LEAF_TXN_NO, txn_no, snapshot, leaf);
}

bool
custody_reader_leaf_at(int64 leaf_index, Snapshot snapshot, CustodyLeaf *leaf)
{
	return read_leaf(Anum_leaf_leaf_index, CUSTODY_LEAF_PKEY, leaf_index, snapshot, leaf);
}

int64
custody_reader_leaf_index(int64 txn_no, Snapshot snapshot)
{
	CustodyLeaf leaf;

	return custody_reader_leaf(txn_no, snapshot, &leaf) ? leaf.leaf_index : -1;
}

/* Records */

bytea *
custody_reader_sealed_record(const bytea *record, const uint8 root[CC_DIGEST_SIZE])
{
	Size		len = VARSIZE_ANY_EXHDR(record);
	Size		room = len + 2 + CC_DIGEST_SIZE;
	bytea	   *bytes = palloc(VARHDRSZ + room);
	cc_writer	w;

	cc_writer_init(&w, VARDATA(bytes), room);
	if (cc_record_seal(&w, VARDATA_ANY(record), len, root) != CC_OK)
	{
		cc_writer_init(&w, VARDATA(bytes), room);
		cc_write_raw(&w, VARDATA_ANY(record), len);
	}
	SET_VARSIZE(bytes, VARHDRSZ + w.len);
	return bytes;
}

bytea *
custody_reader_record(int64 txn_no, Snapshot snapshot)
{
	CustodyTransactionRow row;
	CustodyLeaf leaf;

	if (!custody_reader_leaf(txn_no, snapshot, &leaf))
		return custody_reader_search(txn_no, snapshot, &row) ? row.record : NULL;
	if (!custody_reader_transaction(leaf.xact_id, txn_no, snapshot, &row))
		return NULL;
	return leaf.has_root ? custody_reader_sealed_record(row.record, leaf.root) : row.record;
}

cc_status
custody_reader_decode(cc_record *record, const bytea *bytes)
{
	cc_status	status = cc_record_decode(record, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	if (status != CC_OK)
		status = cc_record_decode_open(record, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	return status;
}

/* Transactions that are not sealed */

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

CustodyUnsealed *
custody_reader_make_unsealed(uint64 xact_id, int64 txn_no, Snapshot snapshot)
{
	CustodyUnsealed *unsealed = palloc(sizeof(CustodyUnsealed));
	CustodyTransactionRow row;
	cc_record	record;

	unsealed->xact_id = xact_id;
	unsealed->txn_no = txn_no;
	unsealed->commit_number = PG_UINT64_MAX;
	if (!custody_reader_transaction(xact_id, txn_no, snapshot, &row))
		return unsealed;
	if (cc_record_decode_open(&record, VARDATA_ANY(row.record),
							  VARSIZE_ANY_EXHDR(row.record)) == CC_OK)
		unsealed->commit_number = record.commit_number;
	pfree(row.record);
	pfree(row.entries);
	return unsealed;
}

int
custody_reader_compare_unsealed(const ListCell *a, const ListCell *b)
{
	const CustodyUnsealed *x = lfirst(a);
	const CustodyUnsealed *y = lfirst(b);

	if (x->commit_number != y->commit_number)
		return x->commit_number < y->commit_number ? -1 : 1;
	if (x->txn_no != y->txn_no)
		return x->txn_no < y->txn_no ? -1 : 1;
	return 0;
}

/* Sort all transactions by number; takes no predicate locks. */
static CustodyTxnSort *
sort_transactions(Snapshot snapshot)
{
	CustodyTxnSort *sort = custody_txnsort_begin();
	CustodyScan scan;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRANSACTION, CUSTODY_TRANSACTION_XACT_ID,
							   SnapshotSelf, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		if (!custody_reader_shows(&scan, snapshot))
			continue;
		custody_txnsort_put(sort,
							DatumGetInt64(custody_catalog_get(&scan, Anum_transaction_txn_no)),
							U64FromFullTransactionId(DatumGetFullTransactionId(custody_catalog_get(&scan, Anum_transaction_xact_id))));
	}
	custody_catalog_scan_end(&scan);
	custody_txnsort_perform(sort);
	return sort;
}

/*
 * Transactions without leaf.  Both relations are gone through in order of
 * transaction number, so that only what is not sealed takes memory.
 */
List *
custody_reader_unsealed(Snapshot snapshot)
{
	List	   *result = NIL;
	CustodyTxnSort *sort = sort_transactions(snapshot);
	CustodyScan leaves;
	int64		sealed = 0;
	bool		have_sealed;
	int64		txn_no;
	uint64		xact_id;

	custody_catalog_scan_begin(&leaves, CUSTODY_LOG_LEAF, CUSTODY_LEAF_TXN_NO,
							   snapshot, ForwardScanDirection, 0, NULL);
	have_sealed = next_sealed(&leaves, &sealed);
	while (custody_txnsort_get(sort, &txn_no, &xact_id))
	{
		CHECK_FOR_INTERRUPTS();
		while (have_sealed && sealed < txn_no)
			have_sealed = next_sealed(&leaves, &sealed);
		if (!have_sealed || sealed != txn_no)
			result = lappend(result, custody_reader_make_unsealed(xact_id, txn_no, snapshot));
		else
			have_sealed = next_sealed(&leaves, &sealed);
	}
	custody_catalog_scan_end(&leaves);
	custody_txnsort_end(sort);
	list_sort(result, custody_reader_compare_unsealed);
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
