/*
 * lookup.c
 *	  Finding entries by lookup number.
 *
 * Reads the index directly, not through SQL: the caller of history() has no
 * rights on the ledger, and must not need any.
 *
 * Locks: AccessShareLock on log_chunk and its index, kept to the end of the
 * transaction as a query would.  Memory: the result in the current context.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "pg/bitmap.h"
#include "pg/catalog.h"
#include "pg/lookup.h"

/* Strategy "&&" of the GIN operator class array_ops. */
#define OVERLAP_STRATEGY 1

static Datum
make_array(const int64 *numbers, int n)
{
	Datum	   *elements = palloc(n * sizeof(Datum));

	for (int i = 0; i < n; i++)
		elements[i] = Int64GetDatum(numbers[i]);
	return PointerGetDatum(construct_array(elements, n, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static TIDBitmap *
scan_index(Relation index, Snapshot snapshot, Datum numbers)
{
	TIDBitmap  *bitmap = tbm_create(work_mem * (Size) 1024, NULL);
	IndexScanDesc scan = custody_bitmap_beginscan(index, snapshot, 1);
	ScanKeyData key;

	ScanKeyInit(&key, 1, OVERLAP_STRATEGY, F_ARRAYOVERLAP, numbers);
	index_rescan(scan, &key, 1, NULL, 0);
	index_getbitmap(scan, bitmap);
	index_endscan(scan);
	return bitmap;
}

static CustodyPosition *
read_position(TupleTableSlot *slot)
{
	CustodyPosition *position = palloc(sizeof(CustodyPosition));
	bool		isnull;

	position->txn_no = DatumGetInt64(slot_getattr(slot, Anum_chunk_txn_no, &isnull));
	position->first_entry =
		DatumGetInt64(slot_getattr(slot, Anum_chunk_first_entry, &isnull));
	return position;
}

/* Visible rows of a page that the bitmap names. */
static List *
read_page(List *result, IndexFetchTableData *fetch, Snapshot snapshot,
		  TupleTableSlot *slot, const CustodyBitmapPage *page)
{
	for (int i = 0; i < page->noffsets; i++)
	{
		ItemPointerData tid;
		bool		again = false;
		bool		all_dead = false;

		ItemPointerSet(&tid, page->block, page->offsets[i]);
		if (table_index_fetch_tuple(fetch, &tid, snapshot, slot, &again, &all_dead))
			result = lappend(result, read_position(slot));
		ExecClearTuple(slot);
	}
	return result;
}

List *
custody_lookup_chunks(const int64 *numbers, int n, Snapshot snapshot)
{
	Relation	heap;
	Relation	index;
	TIDBitmap  *bitmap;
	CustodyBitmapPages pages;
	CustodyBitmapPage page;
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	List	   *result = NIL;

	if (n == 0)
		return NIL;
	heap = table_open(custody_catalog_relid(CUSTODY_LOG_CHUNK), AccessShareLock);
	index = index_open(custody_catalog_index(CUSTODY_CHUNK_LOOKUP), AccessShareLock);
	bitmap = scan_index(index, snapshot, make_array(numbers, n));
	slot = table_slot_create(heap, NULL);
	fetch = table_index_fetch_begin(heap);
	custody_bitmap_pages_begin(&pages, bitmap);
	while (custody_bitmap_pages_next(&pages, &page))
	{
		CHECK_FOR_INTERRUPTS();
		result = read_page(result, fetch, snapshot, slot, &page);
	}
	custody_bitmap_pages_end(&pages);
	table_index_fetch_end(fetch);
	ExecDropSingleTupleTableSlot(slot);
	tbm_free(bitmap);
	index_close(index, NoLock);
	table_close(heap, NoLock);
	return result;
}
