/*
 * copied.c
 *	  Were the ledger's rows loaded with SQL, from a dump, and is the loading
 *	  over?
 *
 * A transaction record is written by the transaction whose id it stores, so
 * the row's own xmin says the same.  Rows of a dump belong to the transaction
 * that loaded them, usually one for all.  Neither VACUUM nor VACUUM FULL nor
 * pg_upgrade changes an xmin.
 *
 * While a dump is being restored its relations appear one by one, perhaps
 * several at a time, the triggers of the protected tables last.  Nothing may
 * be written to the ledger meanwhile: the rows still to come would collide
 * with it.
 *
 * Reading only; AccessShareLock while a relation is scanned.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "pg/append.h"
#include "pg/catalog.h"
#include "pg/copied.h"
#include "pg/reader.h"
#include "pg/schema.h"
#include "pg/trigger.h"

/* Who stored a transaction record, and who it says did. */
typedef struct Writer
{
	TransactionId stored;
	TransactionId claimed;
} Writer;

static Writer
get_writer(CustodyScan *scan)
{
	Writer		w;

	w.stored = HeapTupleHeaderGetRawXmin(scan->tuple->t_data);
	w.claimed = (TransactionId) DatumGetInt64(custody_catalog_get(scan, Anum_transaction_xact_id));
	return w;
}

/*
 * Is the first of n records a loaded row?  Equal numbers may be chance, but no
 * transaction writes two records.
 */
static bool
is_copy(const Writer *writers, int n)
{
	return n > 0 &&
		(writers[0].stored != writers[0].claimed ||
		 (n > 1 && writers[0].stored == writers[1].stored));
}

/* Find the writer of the record of a leaf's transaction. */
static bool
load_writer(const CustodyLeaf *leaf, Writer *writer)
{
	CustodyTransactionRow row;

	if (!custody_reader_transaction(leaf->xact_id, leaf->txn_no, GetActiveSnapshot(), &row))
		return false;
	writer->stored = row.xmin;
	writer->claimed = (TransactionId) row.xact_id;
	pfree(row.record);
	pfree(row.entries);
	return true;
}

bool
custody_copied_leaves(void)
{
	CustodyScan scan;
	Writer		writers[2];
	int			n = 0;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY,
							   GetActiveSnapshot(), BackwardScanDirection,
							   0, NULL);
	while (n < lengthof(writers) && custody_catalog_scan_next(&scan))
	{
		CustodyLeaf leaf;

		custody_reader_leaf_row(&scan, &leaf);
		if (leaf.txn_no != 0 && load_writer(&leaf, &writers[n]))
			n++;
	}
	custody_catalog_scan_end(&scan);
	return is_copy(writers, n);
}

/* Writers of the newest records; returns how many. */
static int
newest_writers(Writer writers[2])
{
	CustodyScan scan;
	int			n = 0;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TRANSACTION,
							   CUSTODY_TRANSACTION_XACT_ID, GetActiveSnapshot(),
							   BackwardScanDirection, 0, NULL);
	while (n < 2 && custody_catalog_scan_next(&scan))
		writers[n++] = get_writer(&scan);
	custody_catalog_scan_end(&scan);
	return n;
}

bool
custody_copied_any_native(void)
{
	Writer		writers[2];
	int			n = newest_writers(writers);

	return n > 0 && !is_copy(writers, n);
}

/* The last leaf; false if there is none. */
static bool
last_leaf(CustodyLeaf *leaf)
{
	CustodyScan scan;
	bool		found;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY,
							   GetActiveSnapshot(), BackwardScanDirection,
							   0, NULL);
	found = custody_catalog_scan_next(&scan);
	if (found)
		custody_reader_leaf_row(&scan, leaf);
	custody_catalog_scan_end(&scan);
	return found;
}

/*
 * Is the record of the newest transaction that has a leaf there, and do numbers
 * go on after it?
 */
static bool
transactions_loaded(void)
{
	CustodyScan scan;
	CustodyLeaf leaf;
	Writer		writer;
	bool		found = false;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY,
							   GetActiveSnapshot(), BackwardScanDirection,
							   0, NULL);
	while (!found && custody_catalog_scan_next(&scan))
	{
		custody_reader_leaf_row(&scan, &leaf);
		found = leaf.txn_no != 0;
	}
	custody_catalog_scan_end(&scan);
	return !found || (load_writer(&leaf, &writer) &&
					  custody_catalog_last_number(CUSTODY_COMMIT_NUMBER) >= leaf.txn_no);
}

bool
custody_copied_complete(const CustodyLife *life)
{
	const CustodyBlock *last = &life->last;
	CustodyLeaf leaf;
	bool		any = last_leaf(&leaf);

	if ((any ? leaf.leaf_index + 1 : 0) != (int64) last->head.size ||
		last->incarnation > life->incarnation.number)
		return false;
	if (life->incarnation.number == 0 ? life->key.epoch != 0 :
		last->exists && custody_ledger_verifier_key(last->epoch) == NULL)
		return false;
	return transactions_loaded();
}

static bool
has_triggers(const CustodyProtection *p)
{
	ListCell   *lc;

	if (!custody_trigger_exists(p->relid, CUSTODY_ROW_TRIGGER))
		return false;
	foreach(lc, custody_schema_leaves(p->relid, AccessShareLock))
	{
		if (!custody_trigger_exists(lfirst_oid(lc), CUSTODY_TRUNCATE_TRIGGER))
			return false;
	}
	return true;
}

bool
custody_copied_captures(void)
{
	ListCell   *lc;

	foreach(lc, custody_schema_protections(GetActiveSnapshot()))
	{
		CustodyProtection *p = lfirst(lc);

		if (!p->released && get_rel_name(p->relid) != NULL && !has_triggers(p))
			return false;
	}
	return true;
}
