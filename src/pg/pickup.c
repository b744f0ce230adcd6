/*
 * pickup.c
 *	  Which transactions a block takes up.
 *
 * Exactly once: a transaction is visible in the snapshot stored with a block
 * or it is not, and the next block takes what is visible now and was not
 * then.  Those are the transactions that ran when the old snapshot was made
 * (its xip) and those that began later (from its xmax), so a transaction that
 * stays open for days costs one index probe a pass.  A leaf that is there
 * already is passed over, so that ids from a manipulated or repaired cluster
 * cannot stop the sealer.
 *
 * Order: by commit number.  It is drawn at pre-commit; whoever saw another's
 * rows drew later.
 *
 * Records are read with SnapshotSelf and then held against the snapshot, so
 * that asking what is not sealed takes no predicate locks on what applications
 * write.
 *
 * Needs a transaction with an active MVCC snapshot.  Memory: 32 bytes for each
 * transaction taken up, and the rows that are to be kept, in the current
 * context; records of others one at a time.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/stratnum.h"
#include "access/transam.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "core/encode.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/pickup.h"
#include "pg/reader.h"

#define FIRST_CAPACITY 1024

/* Transaction numbers further apart are looked up apart in log_leaf. */
#define NUMBERS_AT_ONCE 64

/* A snapshot read back from its text. */
typedef struct OldSnapshot
{
	uint64		xmax;
	uint64	   *xip;			/* running transactions, ascending */
	int			nxip;
} OldSnapshot;

char *
custody_pickup_snapshot(void)
{
	return OidOutputFunctionCall(F_PG_SNAPSHOT_OUT,
								 OidFunctionCall0(F_PG_CURRENT_SNAPSHOT));
}

static const char *
parse_number(const char *p, uint64 *number, char end)
{
	char	   *rest;

	if (*p < '0' || *p > '9')
		custody_check_ledger(CC_E_FORM, "snapshot of the last block");
	errno = 0;
	*number = strtoull(p, &rest, 10);
	if (errno != 0 || (*rest != end && *rest != '\0'))
		custody_check_ledger(CC_E_FORM, "snapshot of the last block");
	return *rest == '\0' ? rest : rest + 1;
}

/* "xmin:xmax:xip,xip,..." */
static void
parse_snapshot(OldSnapshot *old, const char *text)
{
	uint64		xmin;
	const char *p = parse_number(text, &xmin, ':');

	p = parse_number(p, &old->xmax, ':');
	old->xip = palloc((strlen(p) / 2 + 1) * sizeof(uint64));
	old->nxip = 0;
	while (*p != '\0')
		p = parse_number(p, &old->xip[old->nxip++], ',');
}

static CustodyPicked *
batch_add(CustodyBatch *batch)
{
	if (batch->n == batch->capacity)
	{
		batch->capacity = Max(batch->capacity * 2, FIRST_CAPACITY);
		if (batch->items == NULL)
			batch->items = palloc(batch->capacity * sizeof(CustodyPicked));
		else
			batch->items = repalloc_huge(batch->items,
										 batch->capacity * sizeof(CustodyPicked));
	}
	return &batch->items[batch->n++];
}

/*
 * Add a transaction.  A record that does not decode is sealed as it stands,
 * last of its block: it is evidence, and one damaged row must not stop the
 * sealing of all others.
 */
static void
pick(CustodyBatch *batch, uint64 xact_id, int64 txn_no, uint64 commit_number,
	 CustodyTransactionRow *row)
{
	CustodyPicked *picked = batch_add(batch);

	picked->xact_id = xact_id;
	picked->txn_no = txn_no;
	picked->commit_number = commit_number;
	picked->row = row;
}

static uint64
commit_number_of(const bytea *bytes)
{
	cc_record	record;

	if (cc_record_decode_open(&record, VARDATA_ANY(bytes),
							  VARSIZE_ANY_EXHDR(bytes)) != CC_OK)
		record.commit_number = PG_UINT64_MAX;
	return record.commit_number;
}

/* Read the row a scan is at if it fits into what may be kept yet, else NULL. */
static CustodyTransactionRow *
keep_row(CustodyScan *scan, Size *keep)
{
	Size		size = sizeof(CustodyTransactionRow) +
		toast_raw_datum_size(custody_catalog_get(scan, Anum_transaction_record)) +
		toast_raw_datum_size(custody_catalog_get(scan, Anum_transaction_entries));
	CustodyTransactionRow *row;

	if (size > *keep)
		return NULL;
	*keep -= size;
	row = palloc(sizeof(CustodyTransactionRow));
	custody_reader_row(scan, row);
	return row;
}

/* Pick the row a scan of log_transaction is at. */
static void
pick_scanned(CustodyBatch *batch, CustodyScan *scan, Size *keep)
{
	uint64		xact_id = U64FromFullTransactionId(DatumGetFullTransactionId(custody_catalog_get(scan, Anum_transaction_xact_id)));
	int64		txn_no = DatumGetInt64(custody_catalog_get(scan, Anum_transaction_txn_no));
	CustodyTransactionRow *row = keep_row(scan, keep);
	bytea	   *record;

	if (row != NULL)
	{
		pick(batch, xact_id, txn_no, commit_number_of(row->record), row);
		return;
	}
	record = custody_catalog_get_bytea(scan, Anum_transaction_record);
	pick(batch, xact_id, txn_no, commit_number_of(record), NULL);
	pfree(record);
}

static void
pick_range(CustodyBatch *batch, uint64 first, uint64 last, bool bounded,
		   Snapshot snapshot, Size *keep)
{
	ScanKeyData keys[2];
	CustodyScan scan;

	ScanKeyInit(&keys[0], Anum_transaction_xact_id,
				BTGreaterEqualStrategyNumber, F_XID8GE, UInt64GetDatum(first));
	ScanKeyInit(&keys[1], Anum_transaction_xact_id,
				BTLessEqualStrategyNumber, F_XID8LE, UInt64GetDatum(last));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRANSACTION,
							   CUSTODY_TRANSACTION_XACT_ID, SnapshotSelf,
							   ForwardScanDirection, bounded ? 2 : 1, keys);
	while (custody_catalog_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		if (custody_reader_shows(&scan, snapshot))
			pick_scanned(batch, &scan, keep);
	}
	custody_catalog_scan_end(&scan);
}

/* Leave [first, end) but for what has a leaf behind the first 'kept' items. */
static Size
drop_sealed_between(CustodyBatch *batch, Size first, Size end, Size kept,
					Snapshot snapshot)
{
	CustodyPicked *items = batch->items;
	ScanKeyData keys[2];
	CustodyScan scan;

	custody_catalog_key_int8(&keys[0], Anum_leaf_txn_no, BTGreaterEqualStrategyNumber,
							 items[first].txn_no);
	custody_catalog_key_int8(&keys[1], Anum_leaf_txn_no, BTLessEqualStrategyNumber,
							 items[end - 1].txn_no);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_TXN_NO, snapshot,
							   ForwardScanDirection, 2, keys);
	while (custody_catalog_scan_next(&scan))
	{
		int64		sealed = DatumGetInt64(custody_catalog_get(&scan, Anum_leaf_txn_no));

		CHECK_FOR_INTERRUPTS();
		while (first < end && items[first].txn_no < sealed)
			items[kept++] = items[first++];
		while (first < end && items[first].txn_no == sealed)
			first++;
	}
	custody_catalog_scan_end(&scan);
	while (first < end)
		items[kept++] = items[first++];
	return kept;
}

static int
compare_numbers(const void *a, const void *b)
{
	int64		x = ((const CustodyPicked *) a)->txn_no;
	int64		y = ((const CustodyPicked *) b)->txn_no;

	return (x > y) - (x < y);
}

/*
 * Drop what has a leaf.  Numbers of what committed lately lie close together,
 * so one scan does for nearly all.
 */
static void
drop_sealed(CustodyBatch *batch, Snapshot snapshot)
{
	const CustodyPicked *items = batch->items;
	Size		kept = 0;
	Size		end;

	if (batch->n > 1)
		qsort(batch->items, batch->n, sizeof(CustodyPicked), compare_numbers);
	for (Size first = 0; first < batch->n; first = end)
	{
		end = first + 1;
		while (end < batch->n &&
			   (uint64) items[end].txn_no - (uint64) items[end - 1].txn_no <= NUMBERS_AT_ONCE)
			end++;
		kept = drop_sealed_between(batch, first, end, kept, snapshot);
	}
	batch->n = kept;
}

static void
pick_since(CustodyBatch *batch, const char *since, Snapshot snapshot, Size keep)
{
	OldSnapshot old;

	parse_snapshot(&old, since);
	for (int i = 0; i < old.nxip; i++)
		pick_range(batch, old.xip[i], old.xip[i], true, snapshot, &keep);
	pick_range(batch, old.xmax, 0, false, snapshot, &keep);
	pfree(old.xip);
	drop_sealed(batch, snapshot);
}

/* Pick every transaction that has no leaf. */
static void
pick_unsealed(CustodyBatch *batch, Snapshot snapshot)
{
	ListCell   *lc;

	foreach(lc, custody_reader_unsealed(snapshot))
	{
		CustodyUnsealed *unsealed = lfirst(lc);

		pick(batch, unsealed->xact_id, unsealed->txn_no, unsealed->commit_number, NULL);
	}
}

static int
compare_picked(const void *a, const void *b)
{
	const CustodyPicked *x = a;
	const CustodyPicked *y = b;

	if (x->commit_number != y->commit_number)
		return x->commit_number < y->commit_number ? -1 : 1;
	if (x->txn_no != y->txn_no)
		return x->txn_no < y->txn_no ? -1 : 1;
	return 0;
}

void
custody_pickup(CustodyBatch *batch, const char *since, Snapshot snapshot, Size keep)
{
	memset(batch, 0, sizeof(*batch));
	if (since != NULL)
		pick_since(batch, since, snapshot, keep);
	else
		pick_unsealed(batch, snapshot);
	if (batch->n > 1)
		qsort(batch->items, batch->n, sizeof(CustodyPicked), compare_picked);
}

bool
custody_picked_row(const CustodyPicked *picked, Snapshot snapshot, CustodyTransactionRow *row)
{
	if (picked->row == NULL)
		return custody_reader_transaction(picked->xact_id, picked->txn_no, snapshot, row);
	*row = *picked->row;
	return true;
}
