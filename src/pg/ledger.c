/*
 * ledger.c
 *	  Where the log stands: its last blocks, its incarnation, its keys; and
 *	  the SQL functions that show a verifier key, a leaf.
 *
 * Reading only, under the active snapshot, on a hot standby as well.  Bytes
 * that do not decode raise ERRCODE_CUSTODY_LEDGER_CORRUPTED: a sealer must
 * not build upon them.  The SQL functions give bytes as stored.
 *
 * Locks: AccessShareLock while a relation is scanned.  Memory: current
 * context.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/encode.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/ledger.h"
#include "pg/reader.h"

PG_FUNCTION_INFO_V1(custody_sql_verifier_key);
PG_FUNCTION_INFO_V1(custody_sql_leaf);

static char *
get_text(CustodyScan *scan, int attnum)
{
	return TextDatumGetCString(custody_catalog_get(scan, attnum));
}

static void
load_incarnation(CustodyScan *scan, CustodyIncarnation *incarnation)
{
	incarnation->number =
		DatumGetUInt32(custody_catalog_get(scan, Anum_incarnation_incarnation));
	incarnation->ledger_id =
		*DatumGetUUIDP(custody_catalog_get(scan, Anum_incarnation_ledger_id));
	strlcpy(incarnation->origin, get_text(scan, Anum_incarnation_origin),
			sizeof(incarnation->origin));
	incarnation->cluster.system_identifier =
		DatumGetInt64(custody_catalog_get(scan, Anum_incarnation_system_identifier));
	incarnation->cluster.database =
		DatumGetObjectId(custody_catalog_get(scan, Anum_incarnation_database_oid));
	incarnation->cluster.timeline =
		DatumGetUInt32(custody_catalog_get(scan, Anum_incarnation_timeline));
}

void
custody_ledger_incarnation(CustodyIncarnation *incarnation)
{
	CustodyScan scan;

	memset(incarnation, 0, sizeof(*incarnation));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_INCARNATION,
							   CUSTODY_INCARNATION_PKEY, GetActiveSnapshot(),
							   BackwardScanDirection, 0, NULL);
	if (custody_catalog_scan_next(&scan))
		load_incarnation(&scan, incarnation);
	custody_catalog_scan_end(&scan);
}

bool
custody_ledger_incarnation_of(uint32 number, CustodyIncarnation *incarnation)
{
	CustodyScan scan;
	ScanKeyData key;
	bool		found;

	custody_catalog_key_int4(&key, Anum_incarnation_incarnation,
							 BTEqualStrategyNumber, (int32) number);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_INCARNATION,
							   CUSTODY_INCARNATION_PKEY, GetActiveSnapshot(),
							   ForwardScanDirection, 1, &key);
	found = custody_catalog_scan_next(&scan);
	if (found)
		load_incarnation(&scan, incarnation);
	custody_catalog_scan_end(&scan);
	return found;
}

/* The checkpoint of a size, NULL if there is none. */
static bytea *
load_checkpoint(int64 tree_size)
{
	ScanKeyData key;
	CustodyScan scan;
	bytea	   *note = NULL;

	custody_catalog_key_int8(&key, Anum_checkpoint_tree_size,
							 BTEqualStrategyNumber, tree_size);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT,
							   CUSTODY_CHECKPOINT_PKEY, GetActiveSnapshot(),
							   ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
		note = custody_catalog_get_bytea(&scan, Anum_checkpoint_note);
	custody_catalog_scan_end(&scan);
	return note;
}

static TimestampTz
from_unix_microseconds(int64 t)
{
	return t - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

static char *
slice_to_cstring(cc_slice s)
{
	return pnstrdup((const char *) s.data, s.len);
}

/* Decode the row the scan is at. */
static void
load_block(CustodyScan *scan, CustodyBlock *block)
{
	bytea	   *header = custody_catalog_get_bytea(scan, Anum_block_header);
	bytea	   *frontier = custody_catalog_get_bytea(scan, Anum_block_frontier);
	int64		number = DatumGetInt64(custody_catalog_get(scan, Anum_block_block_no));
	char	   *what = psprintf("block " INT64_FORMAT, number);
	cc_block	h;

	block->exists = true;
	block->head.size = DatumGetInt64(custody_catalog_get(scan, Anum_block_tree_size));
	custody_check_ledger(cc_block_decode(&h, VARDATA_ANY(header),
										 VARSIZE_ANY_EXHDR(header)), what);
	custody_check_ledger(cc_frontier_load(&block->frontier, block->head.size,
										  VARDATA_ANY(frontier),
										  VARSIZE_ANY_EXHDR(frontier)), what);
	if (h.number != (uint64) number || h.origin.len > CC_ORIGIN_MAX ||
		h.first_leaf + h.leaves != block->head.size)
		custody_check_ledger(CC_E_VALUE, what);
	cc_frontier_root(&block->frontier, block->head.root);
	block->number = h.number;
	block->epoch = h.epoch;
	block->incarnation = h.incarnation;
	block->time = from_unix_microseconds(h.time);
	strlcpy(block->origin, slice_to_cstring(h.origin), sizeof(block->origin));
	block->snapshot = slice_to_cstring(h.snapshot);
	block->has_state = h.has_state;
	memcpy(block->state, h.state, CC_DIGEST_SIZE);
	block->is_signed = load_checkpoint((int64) block->head.size) != NULL;
	pfree(frontier);
	pfree(header);
}

void
custody_ledger_blocks(CustodyBlock *last, CustodyBlock *before)
{
	CustodyScan scan;

	memset(last, 0, sizeof(*last));
	memset(before, 0, sizeof(*before));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_BLOCK, CUSTODY_BLOCK_PKEY,
							   GetActiveSnapshot(), BackwardScanDirection,
							   0, NULL);
	if (custody_catalog_scan_next(&scan))
	{
		load_block(&scan, last);
		if (custody_catalog_scan_next(&scan))
			load_block(&scan, before);
	}
	custody_catalog_scan_end(&scan);
}

bool
custody_ledger_root(int64 tree_size, Snapshot snapshot, uint8 root[CC_DIGEST_SIZE])
{
	CustodyScan scan;
	ScanKeyData key;
	bool		found = false;

	custody_catalog_key_int8(&key, Anum_block_tree_size, BTEqualStrategyNumber, tree_size);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_BLOCK, CUSTODY_BLOCK_TREE_SIZE,
							   snapshot, ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
	{
		bytea	   *nodes = custody_catalog_get_bytea(&scan, Anum_block_frontier);
		cc_frontier f;

		found = cc_frontier_load(&f, (uint64) tree_size, VARDATA_ANY(nodes),
								 VARSIZE_ANY_EXHDR(nodes)) == CC_OK;
		if (found)
			cc_frontier_root(&f, root);
	}
	custody_catalog_scan_end(&scan);
	return found;
}

static void
load_key(CustodyScan *scan, CustodyKey *key)
{
	key->epoch = DatumGetUInt32(custody_catalog_get(scan, Anum_key_epoch));
	key->verifier_key = get_text(scan, Anum_key_verifier_key);
	key->txn_no = DatumGetInt64(custody_catalog_get(scan, Anum_key_txn_no));
}

void
custody_ledger_last_key(CustodyKey *key)
{
	CustodyScan scan;

	memset(key, 0, sizeof(*key));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_KEY, CUSTODY_KEY_PKEY,
							   GetActiveSnapshot(), BackwardScanDirection,
							   0, NULL);
	if (custody_catalog_scan_next(&scan))
		load_key(&scan, key);
	custody_catalog_scan_end(&scan);
}

bool
custody_ledger_key(uint32 epoch, CustodyKey *key)
{
	ScanKeyData scan_key;
	CustodyScan scan;
	bool		found;

	custody_catalog_key_int4(&scan_key, Anum_key_epoch, BTEqualStrategyNumber,
							 (int32) epoch);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_KEY, CUSTODY_KEY_PKEY,
							   GetActiveSnapshot(), ForwardScanDirection,
							   1, &scan_key);
	found = custody_catalog_scan_next(&scan);
	if (found)
		load_key(&scan, key);
	custody_catalog_scan_end(&scan);
	return found;
}

char *
custody_ledger_verifier_key(uint32 epoch)
{
	CustodyKey	key;

	return custody_ledger_key(epoch, &key) ? key.verifier_key : NULL;
}

bytea *
custody_ledger_announcement(const CustodyKey *key, cc_block *header)
{
	int64		leaf_index = custody_reader_leaf_index(key->txn_no, GetActiveSnapshot());
	bytea	   *bytes = leaf_index < 0 ? NULL :
		custody_ledger_header(leaf_index, GetActiveSnapshot());

	if (bytes != NULL)
		custody_check_ledger(cc_block_decode(header, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)),
							 psprintf("block that announced the key of epoch %u", key->epoch));
	return bytes;
}

/* SQL */

static void
nothing_sealed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("nothing has been sealed yet"),
			 errdetail("The ledger of this database has no checkpoint and no key."),
			 errhint("Run \"SELECT custody.seal()\".")));
}

/* The latest checkpoint and its size. */
static bytea *
latest_checkpoint(int64 *tree_size)
{
	CustodyScan scan;
	bytea	   *note = NULL;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT,
							   CUSTODY_CHECKPOINT_PKEY, GetActiveSnapshot(),
							   BackwardScanDirection, 0, NULL);
	if (custody_catalog_scan_next(&scan))
	{
		*tree_size = DatumGetInt64(custody_catalog_get(&scan, Anum_checkpoint_tree_size));
		note = custody_catalog_get_bytea(&scan, Anum_checkpoint_note);
	}
	custody_catalog_scan_end(&scan);
	if (note == NULL)
		nothing_sealed();
	return note;
}

bytea *
custody_ledger_checkpoint(bool latest, int64 *tree_size)
{
	bytea	   *note = latest ? latest_checkpoint(tree_size) : load_checkpoint(*tree_size);

	if (note == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no checkpoint of size " INT64_FORMAT, *tree_size),
				 errdetail("Only the size of the log after a block is signed."),
				 errhint("See column \"tree_size\" of custody.blocks.")));
	return note;
}

/* custody.verifier_key(epoch integer) returns text */
Datum
custody_sql_verifier_key(PG_FUNCTION_ARGS)
{
	char	   *verifier_key;

	if (PG_ARGISNULL(0))
	{
		CustodyKey	key;

		custody_ledger_last_key(&key);
		if (key.epoch == 0)
			nothing_sealed();
		PG_RETURN_TEXT_P(cstring_to_text(key.verifier_key));
	}
	verifier_key = custody_ledger_verifier_key((uint32) PG_GETARG_INT32(0));
	if (verifier_key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no key epoch %d", PG_GETARG_INT32(0)),
				 errdetail("Epochs are numbered from 1."),
				 errhint("See custody.keys.")));
	PG_RETURN_TEXT_P(cstring_to_text(verifier_key));
}

bytea *
custody_ledger_header(int64 leaf_index, Snapshot snapshot)
{
	ScanKeyData key;
	CustodyScan scan;
	bytea	   *header = NULL;

	custody_catalog_key_int8(&key, Anum_block_tree_size,
							 BTGreaterStrategyNumber, leaf_index);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_BLOCK,
							   CUSTODY_BLOCK_TREE_SIZE, snapshot,
							   ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
		header = custody_catalog_get_bytea(&scan, Anum_block_header);
	custody_catalog_scan_end(&scan);
	return header;
}

/* custody.leaf(leaf_index bigint) returns bytea */
Datum
custody_sql_leaf(PG_FUNCTION_ARGS)
{
	int64		leaf_index = PG_GETARG_INT64(0);
	CustodyLeaf found;
	bytea	   *leaf;

	if (!custody_reader_leaf_at(leaf_index, GetActiveSnapshot(), &found))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no leaf " INT64_FORMAT, leaf_index),
				 errdetail("Leaves are numbered from 0 to the size of the log less one."),
				 errhint("Run \"SELECT custody.seal()\" if the transaction is not sealed yet.")));
	if (found.txn_no == 0)
		leaf = custody_ledger_header(leaf_index, GetActiveSnapshot());
	else
		leaf = custody_reader_record(found.txn_no, GetActiveSnapshot());
	if (leaf == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
				 errmsg("bytes of leaf " INT64_FORMAT " are missing", leaf_index),
				 errdetail("Its position is stored, its block header or transaction record is not."),
				 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
	PG_RETURN_BYTEA_P(leaf);
}
