/*
 * tail.c
 *	  Transactions that are not sealed yet, found quickly.
 *
 * The last block says which transactions it saw, so that the others are found
 * by their ids (pickup.c).  That holds in the cluster and the database in which
 * the block was made; in a copy of it, until it is sealed there, every
 * transaction is looked at.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/xlog.h"
#include "miscadmin.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/copied.h"
#include "pg/pickup.h"
#include "pg/reader.h"
#include "pg/tail.h"

/* Is the incarnation one of this cluster and database? */
static bool
is_of_here(uint32 incarnation, Snapshot snapshot)
{
	ScanKeyData key;
	CustodyScan scan;
	bool		same;

	custody_catalog_key_int4(&key, Anum_incarnation_incarnation, BTEqualStrategyNumber,
							 (int32) incarnation);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_INCARNATION, CUSTODY_INCARNATION_PKEY,
							   snapshot, ForwardScanDirection, 1, &key);
	same = custody_catalog_scan_next(&scan) &&
		(uint64) DatumGetInt64(custody_catalog_get(&scan, Anum_incarnation_system_identifier)) ==
		GetSystemIdentifier() &&
		DatumGetObjectId(custody_catalog_get(&scan, Anum_incarnation_database_oid)) == MyDatabaseId;
	custody_catalog_scan_end(&scan);
	return same && !custody_copied_leaves();
}

/* Snapshot of the last block, if ids of this database can be held against it. */
static char *
last_snapshot(Snapshot snapshot)
{
	CustodyScan scan;
	cc_block	block;
	char	   *text = NULL;
	bool		decoded = false;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_BLOCK, CUSTODY_BLOCK_PKEY, snapshot,
							   BackwardScanDirection, 0, NULL);
	if (custody_catalog_scan_next(&scan))
	{
		bytea	   *header = custody_catalog_get_bytea(&scan, Anum_block_header);

		decoded = cc_block_decode(&block, VARDATA_ANY(header), VARSIZE_ANY_EXHDR(header)) == CC_OK;
		if (decoded)
			text = pnstrdup((const char *) block.snapshot.data, block.snapshot.len);
	}
	custody_catalog_scan_end(&scan);
	return decoded && is_of_here(block.incarnation, snapshot) ? text : NULL;
}

List *
custody_tail(Snapshot snapshot)
{
	char	   *since = last_snapshot(snapshot);
	CustodyBatch batch;
	List	   *result = NIL;

	if (since == NULL)
		return custody_reader_unsealed(snapshot);
	custody_pickup(&batch, since, snapshot, 0);
	for (Size i = 0; i < batch.n; i++)
	{
		CustodyUnsealed *unsealed = palloc(sizeof(CustodyUnsealed));

		unsealed->xact_id = batch.items[i].xact_id;
		unsealed->txn_no = batch.items[i].txn_no;
		unsealed->commit_number = batch.items[i].commit_number;
		result = lappend(result, unsealed);
	}
	return result;
}
