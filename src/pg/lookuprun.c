/*
 * lookuprun.c
 *	  Sealed entries by lookup number, in sorted runs.
 *
 * Random numbers in one big index cost a page each; so every block adds a run,
 * sorted once, and a lookup looks into each run.  When a level has eight runs
 * they are merged into one of the next level, up to CUSTODY_LOOKUP_MAX_LEVEL, beyond which
 * merging would hold up sealing longer than it saves at lookups.  Runs are
 * immutable: a merge writes a new one and deletes the old ones in the same
 * transaction.
 *
 *	items := item, ...
 *	item  := varint number ‖ varint zigzag(leaf index) ‖ varint entry number
 *
 * number and leaf index as differences from the item before; the first number
 * of a row from first_number, the first leaf index from 0.
 *
 * Who may write: the holder of the sealing lock.  Memory: maintenance_work_mem
 * for sorting; a row for each run while merging.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/lookuprun.h"

#define MERGE_RUNS 8

/* A run with no more items belongs to level 0. */
#define LEVEL_ITEMS 4096

/* Items of a row: fill a page. */
#define ROW_BYTES (MaxHeapTupleSize - 64)
#define ITEM_MAX (3 * CC_VARINT_MAX)

#define FIRST_CAPACITY 1024

/* Runs of one block are told apart by the low bits. */
#define PIECE_BITS 20

/* Writing a run */

typedef struct Packer
{
	CustodyAppend append;
	int16		level;
	int64		run;
	int64		first_number;
	CustodyLookupItem last;
	Size		len;			/* of items in the buffer */
	bytea	   *buffer;
} Packer;

static uint64
zigzag(int64 v)
{
	return ((uint64) v << 1) ^ (uint64) (v >> 63);
}

static int64
unzigzag(uint64 v)
{
	return (int64) (v >> 1) ^ -(int64) (v & 1);
}

static void
packer_begin(Packer *p, int16 level, int64 run)
{
	memset(p, 0, sizeof(*p));
	custody_catalog_append_begin(&p->append, CUSTODY_LOG_LOOKUP);
	p->level = level;
	p->run = run;
	p->buffer = custody_catalog_bytea(NULL, ROW_BYTES);
}

static void
packer_store(Packer *p)
{
	Datum		values[Anum_lookup_items];
	bool		nulls[Anum_lookup_items] = {0};

	if (p->len == 0)
		return;
	SET_VARSIZE(p->buffer, VARHDRSZ + p->len);
	values[Anum_lookup_level - 1] = Int16GetDatum(p->level);
	values[Anum_lookup_run - 1] = Int64GetDatum(p->run);
	values[Anum_lookup_first_number - 1] = Int64GetDatum(p->first_number);
	values[Anum_lookup_items - 1] = PointerGetDatum(p->buffer);
	custody_catalog_append(&p->append, values, nulls);
	p->len = 0;
}

/* Items must come in order of number. */
static void
packer_add(Packer *p, const CustodyLookupItem *item)
{
	cc_writer	w;

	if (p->len + ITEM_MAX > ROW_BYTES)
		packer_store(p);
	if (p->len == 0)
	{
		p->first_number = item->number;
		p->last.number = item->number;
		p->last.leaf_index = 0;
	}
	cc_writer_init(&w, VARDATA(p->buffer) + p->len, ROW_BYTES - p->len);
	cc_write_varint(&w, (uint64) item->number - (uint64) p->last.number);
	cc_write_varint(&w, zigzag(item->leaf_index - p->last.leaf_index));
	cc_write_varint(&w, (uint64) item->entry_no);
	p->len += w.len;
	p->last = *item;
}

static void
packer_end(Packer *p)
{
	packer_store(p);
	pfree(p->buffer);
	custody_catalog_append_end(&p->append);
}

struct CustodyLookupWriter
{
	MemoryContext context;
	int64		block_no;
	int64		piece;			/* runs stored so far */
	int64		total;
	CustodyLookupItem *items;
	Size		n;
	Size		capacity;
	Size		most;
};

CustodyLookupWriter *
custody_lookup_writer_begin(int64 block_no)
{
	CustodyLookupWriter *w = palloc0(sizeof(CustodyLookupWriter));

	w->context = CurrentMemoryContext;
	w->block_no = block_no;
	w->most = Max(maintenance_work_mem * (Size) 1024 / sizeof(CustodyLookupItem),
				  FIRST_CAPACITY);
	return w;
}

static int
compare_items(const void *a, const void *b)
{
	const CustodyLookupItem *x = a;
	const CustodyLookupItem *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	if (x->leaf_index != y->leaf_index)
		return x->leaf_index < y->leaf_index ? -1 : 1;
	if (x->entry_no != y->entry_no)
		return x->entry_no < y->entry_no ? -1 : 1;
	return 0;
}

/* Compared in line: a block may have millions. */
#define ST_SORT sort_items
#define ST_ELEMENT_TYPE CustodyLookupItem
#define ST_COMPARE(a, b) compare_items(a, b)
#define ST_SCOPE static
#define ST_DECLARE
#define ST_DEFINE
#include "lib/sort_template.h"

static void
store_run(CustodyLookupWriter *w)
{
	int16		level = 0;
	Packer		p;

	if (w->n == 0)
		return;
	for (Size n = LEVEL_ITEMS; n < w->n && level < CUSTODY_LOOKUP_MAX_LEVEL; n *= MERGE_RUNS)
		level++;
	sort_items(w->items, w->n);
	packer_begin(&p, level, (w->block_no << PIECE_BITS) | w->piece++);
	for (Size i = 0; i < w->n; i++)
		packer_add(&p, &w->items[i]);
	packer_end(&p);
	w->total += w->n;
	w->n = 0;
}

void
custody_lookup_writer_add(CustodyLookupWriter *w, const CustodyLookupItem *item)
{
	if (w->n == w->most)
		store_run(w);
	if (w->n == w->capacity)
	{
		w->capacity = Min(Max(w->capacity * 2, FIRST_CAPACITY), w->most);
		w->items = w->items == NULL ?
			MemoryContextAllocHuge(w->context, w->capacity * sizeof(CustodyLookupItem)) :
			repalloc_huge(w->items, w->capacity * sizeof(CustodyLookupItem));
	}
	w->items[w->n++] = *item;
}

int64
custody_lookup_writer_end(CustodyLookupWriter *w)
{
	int64		total;

	store_run(w);
	total = w->total;
	if (w->items != NULL)
		pfree(w->items);
	pfree(w);
	return total;
}

/* Reading */

void
custody_lookup_row_begin(CustodyLookupRow *row, int64 first_number,
						 const void *data, Size len)
{
	cc_reader_init(&row->r, data, len);
	row->item.number = first_number;
	row->item.leaf_index = 0;
	row->item.entry_no = 0;
}

bool
custody_lookup_row_next(CustodyLookupRow *row)
{
	uint64		number;
	int64		leaf_index;

	if (row->r.status != CC_OK || row->r.pos == row->r.len)
		return false;
	number = cc_read_varint(&row->r);
	leaf_index = unzigzag(cc_read_varint(&row->r));
	row->item.entry_no = (int64) cc_read_varint(&row->r);
	row->item.number = (int64) ((uint64) row->item.number + number);
	row->item.leaf_index = (int64) ((uint64) row->item.leaf_index + (uint64) leaf_index);
	return row->r.status == CC_OK;
}

/* The first run of a level after one; false if there is none. */
static bool
next_run(Snapshot snapshot, int16 level, int64 after, CustodyLookupRun *run)
{
	ScanKeyData keys[2];
	CustodyScan scan;
	bool		found;

	ScanKeyInit(&keys[0], Anum_lookup_level, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum(level));
	custody_catalog_key_int8(&keys[1], Anum_lookup_run, BTGreaterStrategyNumber, after);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LOOKUP, CUSTODY_LOOKUP_RUN, snapshot,
							   ForwardScanDirection, 2, keys);
	found = custody_catalog_scan_next(&scan);
	if (found)
	{
		run->level = level;
		run->run = DatumGetInt64(custody_catalog_get(&scan, Anum_lookup_run));
	}
	custody_catalog_scan_end(&scan);
	return found;
}

/* Runs of a level, at most so many, in order. */
static List *
level_runs(Snapshot snapshot, int16 level, int most)
{
	List	   *runs = NIL;
	int64		after = PG_INT64_MIN;
	CustodyLookupRun run;

	while (list_length(runs) < most && next_run(snapshot, level, after, &run))
	{
		CustodyLookupRun *copy = palloc(sizeof(CustodyLookupRun));

		*copy = run;
		runs = lappend(runs, copy);
		after = run.run;
	}
	return runs;
}

List *
custody_lookup_runs(Snapshot snapshot)
{
	List	   *runs = NIL;

	for (int16 level = 0; level <= CUSTODY_LOOKUP_MAX_LEVEL; level++)
		runs = list_concat(runs, level_runs(snapshot, level, PG_INT32_MAX));
	return runs;
}

/* Merging */

/* A run being read. */
typedef struct Source
{
	CustodyLookupRun run;
	CustodyScan scan;
	bytea	   *bytes;
	CustodyLookupRow row;
	bool		open;			/* row.item is the next one */
} Source;

static void
scan_run(CustodyScan *scan, const CustodyLookupRun *run, Snapshot snapshot)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], Anum_lookup_level, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum(run->level));
	custody_catalog_key_int8(&keys[1], Anum_lookup_run, BTEqualStrategyNumber, run->run);
	custody_catalog_scan_begin(scan, CUSTODY_LOG_LOOKUP, CUSTODY_LOOKUP_RUN, snapshot,
							   ForwardScanDirection, 2, keys);
}

/* Items of a damaged row end early; verify() says that some are missing. */
static void
source_next(Source *s)
{
	while (!(s->open = s->bytes != NULL && custody_lookup_row_next(&s->row)))
	{
		CHECK_FOR_INTERRUPTS();
		if (s->bytes != NULL)
			pfree(s->bytes);
		s->bytes = NULL;
		if (!custody_catalog_scan_next(&s->scan))
			break;
		s->bytes = custody_catalog_get_bytea(&s->scan, Anum_lookup_items);
		custody_lookup_row_begin(&s->row,
								 DatumGetInt64(custody_catalog_get(&s->scan, Anum_lookup_first_number)),
								 VARDATA_ANY(s->bytes), VARSIZE_ANY_EXHDR(s->bytes));
	}
}

static Source *
least(Source *sources, int n)
{
	Source	   *found = NULL;

	for (int i = 0; i < n; i++)
		if (sources[i].open &&
			(found == NULL || compare_items(&sources[i].row.item, &found->row.item) < 0))
			found = &sources[i];
	return found;
}

static void
delete_run(const CustodyLookupRun *run, Snapshot snapshot)
{
	Relation	rel = table_open(custody_catalog_relid(CUSTODY_LOG_LOOKUP), RowExclusiveLock);
	CustodyScan scan;

	scan_run(&scan, run, snapshot);
	while (custody_catalog_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		simple_heap_delete(rel, &scan.tuple->t_self);
	}
	custody_catalog_scan_end(&scan);
	table_close(rel, NoLock);
}

static void
merge_runs(List *runs, Snapshot snapshot)
{
	CustodyLookupRun *newest = llast(runs);
	int			n = list_length(runs);
	Source	   *sources = palloc0(n * sizeof(Source));
	Source	   *s;
	Packer		p;

	for (int i = 0; i < n; i++)
	{
		sources[i].run = *(CustodyLookupRun *) list_nth(runs, i);
		scan_run(&sources[i].scan, &sources[i].run, snapshot);
		source_next(&sources[i]);
	}
	packer_begin(&p, newest->level + 1, newest->run);
	while ((s = least(sources, n)) != NULL)
	{
		packer_add(&p, &s->row.item);
		source_next(s);
	}
	packer_end(&p);
	for (int i = 0; i < n; i++)
	{
		custody_catalog_scan_end(&sources[i].scan);
		delete_run(&sources[i].run, snapshot);
	}
	pfree(sources);
}

bool
custody_lookup_merge(Snapshot snapshot)
{
	for (int16 level = 0; level < CUSTODY_LOOKUP_MAX_LEVEL; level++)
	{
		List	   *runs = level_runs(snapshot, level, MERGE_RUNS);

		if (list_length(runs) == MERGE_RUNS)
		{
			merge_runs(runs, snapshot);
			return true;
		}
	}
	return false;
}

void
custody_lookup_clear(Snapshot snapshot)
{
	ListCell   *lc;

	foreach(lc, custody_lookup_runs(snapshot))
		delete_run(lfirst(lc), snapshot);
}
