/*
 * export.c
 *	  custody.export(): the sealed ledger as text lines (doc/format.md
 *	  section 8).
 *
 * Bytes are given out as stored; judging them is the reader's part.  What
 * cannot be given (a leaf without its record) raises, since a bundle with a
 * hole would look like tampering elsewhere.
 *
 * Memory: contexts per block, leaf and entry.  The lines go to a tuplestore, which spills to
 * disk; transaction state as for verify, a hot standby will do.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/bundle.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/cosignature.h"
#include "pg/error.h"
#include "pg/reader.h"

typedef struct Export
{
	Snapshot	snapshot;
	CustodyDefinitions *definitions;
	Tuplestorestate *store;
	TupleDesc	desc;
	MemoryContext context;		/* of the whole export */
	MemoryContext leaf;			/* reset per leaf */
	MemoryContext entry;		/* reset per entry */
} Export;

static void
put_line(Export *x, text *line)
{
	Datum		values[1] = {PointerGetDatum(line)};
	bool		nulls[1] = {false};

	tuplestore_putvalues(x->store, x->desc, values, nulls);
}

/* Format an item; its LF is left to the reader of the rows. */
static void
put_item(Export *x, cc_bundle_kind kind, cc_slice first, cc_slice second)
{
	cc_bundle_line item = {kind, first, second};
	size_t		size = cc_bundle_line_size(kind, first.len, second.len);
	text	   *line;

	if (size > MaxAllocSize - VARHDRSZ - 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("entry is too large to be exported"),
				 errdetail("Its line would take %zu bytes; the limit is %zu.",
						   size, (size_t) MaxAllocSize - VARHDRSZ - 1),
				 errhint("Verify the ledger with custody.verify() instead.")));
	line = palloc(VARHDRSZ + size + 1);
	cc_bundle_format(VARDATA(line), &item);
	SET_VARSIZE(line, VARHDRSZ + size - 1);
	put_line(x, line);
}

static void
put_entries(Export *x, const CustodyTransactionRow *row)
{
	CustodyEntryWalk walk;

	custody_reader_walk_row(&walk, row->txn_no, row, x->snapshot);
	walk.definitions = x->definitions;
	while (custody_reader_walk_next(&walk))
	{
		MemoryContext old = MemoryContextSwitchTo(x->entry);

		CHECK_FOR_INTERRUPTS();
		put_item(x, CC_BUNDLE_ENTRY, walk.committed, walk.private_part);
		MemoryContextSwitchTo(old);
		MemoryContextReset(x->entry);
	}
	if (walk.damaged)
		custody_check_ledger(CC_E_FORM, psprintf("entries of transaction %lld", (long long) row->txn_no));
	custody_reader_walk_end(&walk);
}

static void
put_transaction(Export *x, const CustodyLeaf *leaf)
{
	cc_slice	none = {NULL, 0};
	CustodyTransactionRow row;

	if (!leaf->has_root ||
		!custody_reader_transaction(leaf->xact_id, leaf->txn_no, x->snapshot, &row))
		custody_check_ledger(CC_E_TRUNCATED,
							 psprintf("record of transaction %lld", (long long) leaf->txn_no));
	put_item(x, CC_BUNDLE_LEAF,
			 custody_reader_slice(custody_reader_sealed_record(row.record, leaf->root)), none);
	put_entries(x, &row);
}

/* The leaves [first, end) of a block after its header. */
static void
put_leaves(Export *x, int64 first, int64 end)
{
	CustodyScan scan;
	ScanKeyData keys[2];
	int64		expected = first;
	MemoryContext old;

	custody_catalog_key_int8(&keys[0], Anum_leaf_leaf_index, BTGreaterEqualStrategyNumber, first);
	custody_catalog_key_int8(&keys[1], Anum_leaf_leaf_index, BTLessStrategyNumber, end);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY, x->snapshot,
							   ForwardScanDirection, 2, keys);
	while (custody_catalog_scan_next(&scan))
	{
		CustodyLeaf leaf;

		custody_reader_leaf_row(&scan, &leaf);
		if (leaf.leaf_index != expected++)
			break;
		old = MemoryContextSwitchTo(x->leaf);
		put_transaction(x, &leaf);
		MemoryContextSwitchTo(old);
		MemoryContextReset(x->leaf);
	}
	custody_catalog_scan_end(&scan);
	if (expected != end)
		custody_check_ledger(CC_E_TRUNCATED, psprintf("leaf %lld", (long long) expected));
}

static void
put_checkpoint(Export *x, int64 size)
{
	CustodyScan scan;
	ScanKeyData key;
	cc_slice	none = {NULL, 0};

	custody_catalog_key_int8(&key, Anum_checkpoint_tree_size, BTEqualStrategyNumber, size);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT, CUSTODY_CHECKPOINT_PKEY,
							   x->snapshot, ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
		put_item(x, CC_BUNDLE_CHECKPOINT,
				 custody_reader_slice(custody_cosignature_note(custody_catalog_get_bytea(&scan, Anum_checkpoint_note),
															   size, x->snapshot)), none);
	custody_catalog_scan_end(&scan);
}

static void
put_block(Export *x, CustodyScan *blocks, int64 *size)
{
	cc_slice	none = {NULL, 0};
	int64		first = *size;
	bytea	   *header = custody_catalog_get_bytea(blocks, Anum_block_header);

	*size = DatumGetInt64(custody_catalog_get(blocks, Anum_block_tree_size));
	put_item(x, CC_BUNDLE_LEAF, custody_reader_slice(header), none);
	put_leaves(x, first + 1, *size);
	put_checkpoint(x, *size);
}

/* Size of the last checkpoint; a block may not be signed yet. */
static int64
signed_size(Export *x)
{
	CustodyScan scan;
	int64		size = 0;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT, CUSTODY_CHECKPOINT_PKEY,
							   x->snapshot, BackwardScanDirection, 0, NULL);
	if (custody_catalog_scan_next(&scan))
		size = DatumGetInt64(custody_catalog_get(&scan, Anum_checkpoint_tree_size));
	custody_catalog_scan_end(&scan);
	return size;
}

static void
put_blocks(Export *x)
{
	CustodyScan blocks;
	MemoryContext block_context = AllocSetContextCreate(x->context, "pg_custody export block",
														ALLOCSET_DEFAULT_SIZES);
	int64		size = 0;
	int64		end = signed_size(x);

	custody_catalog_scan_begin(&blocks, CUSTODY_LOG_BLOCK, CUSTODY_BLOCK_PKEY, x->snapshot,
							   ForwardScanDirection, 0, NULL);
	while (size < end && custody_catalog_scan_next(&blocks))
	{
		MemoryContext old = MemoryContextSwitchTo(block_context);

		put_block(x, &blocks, &size);
		MemoryContextSwitchTo(old);
		MemoryContextReset(block_context);
	}
	custody_catalog_scan_end(&blocks);
}

PG_FUNCTION_INFO_V1(custody_sql_export);
Datum
custody_sql_export(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Export		x;
	MemoryContext old;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	x.snapshot = GetActiveSnapshot();
	x.store = rsinfo->setResult;
	x.desc = rsinfo->setDesc;
	x.context = AllocSetContextCreate(CurrentMemoryContext, "pg_custody export",
									  ALLOCSET_DEFAULT_SIZES);
	x.leaf = AllocSetContextCreate(x.context, "pg_custody export leaf",
								   ALLOCSET_DEFAULT_SIZES);
	x.entry = AllocSetContextCreate(x.context, "pg_custody export entry",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(x.context);
	x.definitions = custody_definitions_begin(x.snapshot);
	put_line(&x, cstring_to_text(CC_BUNDLE_HEADER));
	put_blocks(&x);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(x.context);
	return (Datum) 0;
}
