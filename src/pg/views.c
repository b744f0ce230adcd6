/*
 * views.c
 *	  SQL: what the views custody.entries, transactions and blocks show.
 *
 * Bytes that cannot be taken apart leave NULLs (a transaction, a block) or are
 * left out (an entry): custody.verify() names them.
 *
 * Memory: each row is made in a context that is reset after it.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/transam.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "core/merkle.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/entryrow.h"
#include "pg/grade.h"
#include "pg/past.h"
#include "pg/reader.h"
#include "pg/rowjson.h"
#include "pg/tail.h"

#define MAX_COLUMNS 20

/* A row of a result under way. */
typedef struct Row
{
	ReturnSetInfo *rsinfo;
	MemoryContext context;
	MemoryContext old;
	Datum		values[MAX_COLUMNS];	/* the widest */
	bool		nulls[MAX_COLUMNS];
} Row;

static void
init_rows(Row *row, FunctionCallInfo fcinfo)
{
	InitMaterializedSRF(fcinfo, 0);
	row->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	row->context = AllocSetContextCreate(CurrentMemoryContext, "custody view row",
										 ALLOCSET_DEFAULT_SIZES);
}

static void
begin_row(Row *row)
{
	CHECK_FOR_INTERRUPTS();
	row->old = MemoryContextSwitchTo(row->context);
	memset(row->nulls, true, sizeof(row->nulls));
}

static void
set(Row *row, int column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
}

static void
set_text(Row *row, int column, cc_slice text)
{
	custody_entryrow_set_text(&row->values[column], &row->nulls[column], text);
}

static void
set_bytes(Row *row, int column, const uint8 *data, size_t len)
{
	bytea	   *bytes = palloc(VARHDRSZ + len);

	SET_VARSIZE(bytes, VARHDRSZ + len);
	memcpy(VARDATA(bytes), data, len);
	set(row, column, PointerGetDatum(bytes));
}

static void
put_row(Row *row)
{
	tuplestore_putvalues(row->rsinfo->setResult, row->rsinfo->setDesc,
						 row->values, row->nulls);
	MemoryContextSwitchTo(row->old);
	MemoryContextReset(row->context);
}

static void
set_entry(Row *row, CustodyLayouts *layouts, CustodyPast *past, CustodyPastEntry *entry)
{
	const cc_entry *head = &entry->head;
	char	   *name;

	if (entry->leaf_index >= 0)
		set(row, 0, Int64GetDatum(entry->leaf_index));
	set(row, 1, Int64GetDatum(entry->txn_no));
	set(row, 2, Int64GetDatum(entry->entry_no));
	if (head->relation != 0)
	{
		set(row, 3, UInt32GetDatum(head->relation));
		name = custody_entryrow_relation(layouts, head->relation, entry->layout);
		if (name != NULL)
			set(row, 4, CStringGetTextDatum(name));
	}
	set(row, 5, CStringGetTextDatum(cc_kind_name(head->kind)));
	if (head->version != 0)
		set(row, 6, UInt32GetDatum(head->version));
	custody_entryrow_set_json(&row->values[7], &row->nulls[7],
							  custody_entryrow_json(past, entry, CUSTODY_SHOW_KEY));
	set(row, 8, BoolGetDatum(entry->erased));
}

PG_FUNCTION_INFO_V1(custody_sql_read_entries);
Datum
custody_sql_read_entries(PG_FUNCTION_ARGS)
{
	Row			row;
	CustodyLayouts *layouts;
	CustodyPast *past;
	CustodyPastEntry *entry;

	init_rows(&row, fcinfo);
	layouts = custody_layouts_load(GetActiveSnapshot(), true);
	past = custody_past_begin(layouts, NULL, GetActiveSnapshot());
	while ((entry = custody_past_next(past)) != NULL)
	{
		begin_row(&row);
		set_entry(&row, layouts, past, entry);
		put_row(&row);
	}
	custody_past_end(past);
	return (Datum) 0;
}

static void
set_record(Row *row, const cc_record *r)
{
	char	   *extra;

	set(row, 2, Int64GetDatum((int64) r->commit_number));
	set(row, 3, FullTransactionIdGetDatum(FullTransactionIdFromU64(r->xid)));
	set(row, 4, UInt32GetDatum(r->incarnation));
	set(row, 5, TimestampTzGetDatum(custody_past_time(r->start_time)));
	set(row, 6, TimestampTzGetDatum(custody_past_time(r->commit_time)));
	set_text(row, 7, r->session_user);
	set_text(row, 8, r->outer_user);
	set_text(row, 9, r->current_users);
	set_text(row, 10, r->identity);
	set_text(row, 11, r->client_address);
	set_text(row, 12, r->application);
	set_text(row, 13, r->replication_origin);
	set_text(row, 14, r->actor);
	set_text(row, 15, r->reason);
	set_text(row, 16, r->purpose);
	extra = r->extra.len == 0 ? NULL :
		custody_rowjson_text(r->extra.data, r->extra.len);
	if (extra != NULL)
		custody_entryrow_set_json(&row->values[17], &row->nulls[17],
								  custody_rowjson_document(extra));
	set(row, 18, Int64GetDatum((int64) r->entry_count));
}

/* leaf_index below 0: not sealed, and the root is not known yet. */
static void
put_transaction(Row *row, const CustodyLeaf *leaf)
{
	CustodyTransactionRow transaction;
	cc_record	record;

	begin_row(row);
	if (leaf->leaf_index >= 0)
		set(row, 0, Int64GetDatum(leaf->leaf_index));
	set(row, 1, Int64GetDatum(leaf->txn_no));
	if (custody_reader_transaction(leaf->xact_id, leaf->txn_no, GetActiveSnapshot(), &transaction) &&
		custody_reader_decode(&record, transaction.record) == CC_OK)
		set_record(row, &record);
	if (leaf->has_root)
		set_bytes(row, 19, leaf->root, CC_DIGEST_SIZE);
	put_row(row);
}

PG_FUNCTION_INFO_V1(custody_sql_read_transactions);
Datum
custody_sql_read_transactions(PG_FUNCTION_ARGS)
{
	Row			row;
	CustodyScan leaves;
	CustodyLeaf leaf;
	ListCell   *lc;

	init_rows(&row, fcinfo);
	custody_catalog_scan_begin(&leaves, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY,
							   GetActiveSnapshot(), ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&leaves))
	{
		custody_reader_leaf_row(&leaves, &leaf);
		if (leaf.txn_no != 0)
			put_transaction(&row, &leaf);
	}
	custody_catalog_scan_end(&leaves);
	memset(&leaf, 0, sizeof(leaf));
	leaf.leaf_index = -1;
	foreach(lc, custody_tail(GetActiveSnapshot()))
	{
		const CustodyUnsealed *unsealed = lfirst(lc);

		leaf.txn_no = unsealed->txn_no;
		leaf.xact_id = unsealed->xact_id;
		put_transaction(&row, &leaf);
	}
	return (Datum) 0;
}

/* Is there a row with this tree size; gives a column of it. */
static bool
find_by_size(CustodyRel rel, CustodyIndex index, int size_column, int column,
			 int64 tree_size, Datum *value)
{
	CustodyScan scan;
	ScanKeyData key;
	bool		found;

	custody_catalog_key_int8(&key, size_column, BTEqualStrategyNumber, tree_size);
	custody_catalog_scan_begin(&scan, rel, index, GetActiveSnapshot(),
							   ForwardScanDirection, 1, &key);
	found = custody_catalog_scan_next(&scan);
	if (found)
		*value = custody_catalog_get(&scan, column);
	custody_catalog_scan_end(&scan);
	return found;
}

static void
set_header(Row *row, bytea *bytes)
{
	cc_block	block;

	if (cc_block_decode(&block, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)) != CC_OK)
		return;
	set(row, 1, Int64GetDatum((int64) block.first_leaf));
	set(row, 3, TimestampTzGetDatum(custody_past_time(block.time)));
	set(row, 4, UInt32GetDatum(block.epoch));
	set(row, 5, UInt32GetDatum(block.incarnation));
	set_text(row, 6, block.origin);
	set_bytes(row, 8, block.previous, CC_DIGEST_SIZE);
}

static void
set_root(Row *row, int64 tree_size, bytea *bytes)
{
	cc_frontier frontier;
	uint8		root[CC_DIGEST_SIZE];

	if (cc_frontier_load(&frontier, (uint64) tree_size, VARDATA_ANY(bytes),
						 VARSIZE_ANY_EXHDR(bytes)) != CC_OK)
		return;
	cc_frontier_root(&frontier, root);
	set_bytes(row, 7, root, CC_DIGEST_SIZE);
}

static void
put_block(Row *row, CustodyScan *blocks, const CustodyGrades *grades)
{
	int64		tree_size = DatumGetInt64(custody_catalog_get(blocks, Anum_block_tree_size));
	Datum		value;

	begin_row(row);
	set(row, 0, custody_catalog_get(blocks, Anum_block_block_no));
	set(row, 2, Int64GetDatum(tree_size));
	set_header(row, custody_catalog_get_bytea(blocks, Anum_block_header));
	set_root(row, tree_size, custody_catalog_get_bytea(blocks, Anum_block_frontier));
	set(row, 9, BoolGetDatum(find_by_size(CUSTODY_LOG_CHECKPOINT, CUSTODY_CHECKPOINT_PKEY,
										  Anum_checkpoint_tree_size,
										  Anum_checkpoint_tree_size,
										  tree_size, &value)));
	if (find_by_size(CUSTODY_LOG_ANCHOR, CUSTODY_ANCHOR_PKEY,
					 Anum_anchor_tree_size, Anum_anchor_anchored_at,
					 tree_size, &value))
		set(row, 10, value);
	set(row, 11, CStringGetTextDatum(custody_grade_of(grades, tree_size)));
	set(row, 12, PointerGetDatum(custody_grade_witnesses(grades, tree_size)));
	put_row(row);
}

PG_FUNCTION_INFO_V1(custody_sql_read_blocks);
Datum
custody_sql_read_blocks(PG_FUNCTION_ARGS)
{
	Row			row;
	CustodyScan blocks;
	CustodyGrades *grades = custody_grade_load(GetActiveSnapshot());

	init_rows(&row, fcinfo);
	custody_catalog_scan_begin(&blocks, CUSTODY_LOG_BLOCK, CUSTODY_BLOCK_PKEY,
							   GetActiveSnapshot(), ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&blocks))
		put_block(&row, &blocks, grades);
	custody_catalog_scan_end(&blocks);
	return (Datum) 0;
}
