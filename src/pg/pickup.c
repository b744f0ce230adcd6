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
 * Needs a transaction with an active MVCC snapshot.  Memory: 48 bytes for each
 * transaction taken up, in the current context; records one at a time.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/encode.h"
#include "core/merkle.h"
#include "pg/catalog.h"
#include "pg/error.h"
#include "pg/pickup.h"
#include "pg/reader.h"

#define FIRST_CAPACITY 1024

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
pick(CustodyBatch *batch, int64 txn_no, const bytea *bytes)
{
	CustodyPicked *picked = batch_add(batch);
	cc_record	record;

	picked->txn_no = txn_no;
	cc_merkle_leaf(picked->leaf_hash, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	if (cc_record_decode(&record, VARDATA_ANY(bytes),
						 VARSIZE_ANY_EXHDR(bytes)) == CC_OK)
		picked->commit_number = record.commit_number;
	else
	{
		picked->commit_number = PG_UINT64_MAX;
		ereport(WARNING,
				(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
				 errmsg("transaction record " INT64_FORMAT " cannot be read", txn_no),
				 errdetail("It is sealed as it stands."),
				 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
	}
}

/* Pick what a scan of log_transaction finds, unless it has a leaf. */
static void
pick_scanned(CustodyBatch *batch, CustodyScan *scan)
{
	while (custody_catalog_scan_next(scan))
	{
		int64		txn_no = DatumGetInt64(custody_catalog_get(scan, Anum_transaction_txn_no));
		bytea	   *bytes;

		CHECK_FOR_INTERRUPTS();
		if (custody_reader_leaf_index(txn_no, GetActiveSnapshot()) >= 0)
			continue;
		bytes = custody_catalog_get_bytea(scan, Anum_transaction_record);
		pick(batch, txn_no, bytes);
		pfree(bytes);
	}
}

static void
pick_range(CustodyBatch *batch, uint64 first, uint64 last, bool bounded)
{
	ScanKeyData keys[2];
	CustodyScan scan;

	ScanKeyInit(&keys[0], Anum_transaction_xact_id,
				BTGreaterEqualStrategyNumber, F_XID8GE, UInt64GetDatum(first));
	ScanKeyInit(&keys[1], Anum_transaction_xact_id,
				BTLessEqualStrategyNumber, F_XID8LE, UInt64GetDatum(last));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRANSACTION,
							   CUSTODY_TRANSACTION_XACT_ID, GetActiveSnapshot(),
							   ForwardScanDirection, bounded ? 2 : 1, keys);
	pick_scanned(batch, &scan);
	custody_catalog_scan_end(&scan);
}

static void
pick_since(CustodyBatch *batch, const char *since)
{
	OldSnapshot old;

	parse_snapshot(&old, since);
	for (int i = 0; i < old.nxip; i++)
		pick_range(batch, old.xip[i], old.xip[i], true);
	pick_range(batch, old.xmax, 0, false);
	pfree(old.xip);
}

/* Pick every transaction that has no leaf. */
static void
pick_unsealed(CustodyBatch *batch)
{
	ListCell   *lc;

	foreach(lc, custody_reader_unsealed(GetActiveSnapshot()))
	{
		CustodyUnsealed *unsealed = lfirst(lc);
		bytea	   *bytes = custody_reader_record(unsealed->txn_no,
												  GetActiveSnapshot());

		CHECK_FOR_INTERRUPTS();
		pick(batch, unsealed->txn_no, bytes);
		pfree(bytes);
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
custody_pickup(CustodyBatch *batch, const char *since)
{
	memset(batch, 0, sizeof(*batch));
	if (since != NULL)
		pick_since(batch, since);
	else
		pick_unsealed(batch);
	if (batch->n > 1)
		qsort(batch->items, batch->n, sizeof(CustodyPicked), compare_picked);
}
