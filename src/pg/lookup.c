/*
 * lookup.c
 *	  Finding entries by lookup number.
 *
 * Reads the ledger directly, not through SQL: the caller of history() has no
 * rights on it, and must not need any.
 *
 * Locks: AccessShareLock while a relation is scanned.  Predicate locks only on
 * what the sealer alone writes.  Memory: the result in the current context.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/lookup.h"
#include "pg/lookuprun.h"
#include "pg/reader.h"
#include "pg/tail.h"

#define FIRST_CAPACITY 64

typedef struct Found
{
	CustodyPosition *positions;
	int			n;
	int			capacity;
} Found;

static CustodyPosition *
found_add(Found *found)
{
	CustodyPosition *p;

	if (found->n == found->capacity)
	{
		found->capacity *= 2;
		found->positions = repalloc_huge(found->positions,
										 found->capacity * sizeof(CustodyPosition));
	}
	p = &found->positions[found->n++];
	memset(p, 0, sizeof(*p));
	return p;
}

/* Returns the number that the row begins with. */
static int64
search_row(Found *found, CustodyScan *scan, int64 number)
{
	bytea	   *bytes = custody_catalog_get_bytea(scan, Anum_lookup_items);
	int64		first = DatumGetInt64(custody_catalog_get(scan, Anum_lookup_first_number));
	CustodyLookupRow row;

	custody_lookup_row_begin(&row, first, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	while (custody_lookup_row_next(&row) && row.item.number <= number)
		if (row.item.number == number)
		{
			CustodyPosition *p = found_add(found);

			p->leaf_index = row.item.leaf_index;
			p->entry_no = row.item.entry_no;
		}
	pfree(bytes);
	return first;
}

/*
 * Items of a number stand in the rows that begin with it and in the last one
 * that begins below it.
 */
static void
search_run(Found *found, const CustodyLookupRun *run, int64 number, Snapshot snapshot)
{
	ScanKeyData keys[3];
	CustodyScan scan;
	bool		more = true;

	ScanKeyInit(&keys[0], Anum_lookup_level, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum(run->level));
	custody_catalog_key_int8(&keys[1], Anum_lookup_run, BTEqualStrategyNumber, run->run);
	custody_catalog_key_int8(&keys[2], Anum_lookup_first_number, BTLessEqualStrategyNumber, number);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LOOKUP, CUSTODY_LOOKUP_RUN, snapshot,
							   BackwardScanDirection, 3, keys);
	while (more && custody_catalog_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		more = search_row(found, &scan, number) == number;
	}
	custody_catalog_scan_end(&scan);
}

static int
compare_positions(const void *a, const void *b)
{
	const CustodyPosition *x = a;
	const CustodyPosition *y = b;

	if (x->leaf_index != y->leaf_index)
		return x->leaf_index < y->leaf_index ? -1 : 1;
	if (x->commit_number != y->commit_number)
		return x->commit_number < y->commit_number ? -1 : 1;
	if (x->entry_no != y->entry_no)
		return x->entry_no < y->entry_no ? -1 : 1;
	return 0;
}

/* Each once, with its transaction; what names no transaction drops out. */
static void
place(Found *found, Snapshot snapshot)
{
	CustodyLeaf leaf = {-1};
	int			kept = 0;

	qsort(found->positions, found->n, sizeof(CustodyPosition), compare_positions);
	for (int i = 0; i < found->n; i++)
	{
		CustodyPosition *p = &found->positions[i];

		if (i > 0 && compare_positions(p, p - 1) == 0)
			continue;
		if (leaf.leaf_index != p->leaf_index &&
			!custody_reader_leaf_at(p->leaf_index, snapshot, &leaf))
			leaf.txn_no = 0;
		leaf.leaf_index = p->leaf_index;
		if (leaf.txn_no == 0)
			continue;
		p->xact_id = leaf.xact_id;
		p->txn_no = leaf.txn_no;
		found->positions[kept++] = *p;
	}
	found->n = kept;
}

static void
add_tail(Found *found, Snapshot snapshot)
{
	ListCell   *lc;

	foreach(lc, custody_tail(snapshot))
	{
		CustodyUnsealed *unsealed = lfirst(lc);
		CustodyPosition *p = found_add(found);

		p->leaf_index = CUSTODY_NOT_SEALED;
		p->commit_number = unsealed->commit_number;
		p->xact_id = unsealed->xact_id;
		p->txn_no = unsealed->txn_no;
		p->entry_no = CUSTODY_ANY_ENTRY;
	}
}

CustodyPosition *
custody_lookup_entries(const int64 *numbers, int n, Snapshot snapshot, int *count)
{
	Found		found;
	List	   *runs;
	ListCell   *lc;

	found.n = 0;
	found.capacity = FIRST_CAPACITY;
	found.positions = palloc(found.capacity * sizeof(CustodyPosition));
	*count = 0;
	if (n == 0)
		return found.positions;
	runs = custody_lookup_runs(snapshot);
	for (int i = 0; i < n; i++)
		foreach(lc, runs)
			search_run(&found, lfirst(lc), numbers[i], snapshot);
	place(&found, snapshot);
	add_tail(&found, snapshot);
	*count = found.n;
	return found.positions;
}
