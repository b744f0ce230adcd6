/*
 * contents.c
 *	  Large objects that rows name, as their entries record them.
 *
 * A large object changes without its row, so an entry says what it held when
 * the row changed.  What the same transaction writes to it afterwards is
 * recorded with one more entry at pre-commit.  What another transaction writes
 * is not recorded unless it changes the row, too; verification names it.
 *
 * Of a row that is replaced, the object is as it was last recorded: by this
 * transaction, then it is remembered; or before, then what this transaction
 * did to the object (a trigger removes it with its row) is not seen.
 *
 * Invariant: a remembered row is the version with this place and this xmin.
 * A place that an aborted subtransaction left may be taken by another row.
 *
 * Memory: a context below TopTransactionContext.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/contents.h"
#include "pg/largeobject.h"
#include "pg/relstate.h"

typedef struct RowPlace
{
	Oid			leaf;
	Oid			storage;		/* a rewrite moves all rows */
	BlockNumber block;
	uint32		offset;			/* so wide that no byte is padding */
} RowPlace;

typedef struct RememberedRow
{
	RowPlace	place;			/* hash key */
	TransactionId xmin;
	int64		changes;		/* custody_largeobject_changes() at the time */
	int			n;
	cc_value   *contents;
} RememberedRow;

static HTAB *rows = NULL;
static MemoryContext rows_context = NULL;

static void
forget_rows(void *arg)
{
	rows = NULL;
	rows_context = NULL;
}

static void
init_rows(void)
{
	HASHCTL		ctl = {0};
	MemoryContextCallback *forget;

	if (rows != NULL)
		return;
	rows_context = AllocSetContextCreate(TopTransactionContext, "custody contents",
										 ALLOCSET_DEFAULT_SIZES);
	forget = MemoryContextAllocZero(rows_context, sizeof(MemoryContextCallback));
	forget->func = forget_rows;
	MemoryContextRegisterResetCallback(rows_context, forget);
	ctl.keysize = sizeof(RowPlace);
	ctl.entrysize = sizeof(RememberedRow);
	ctl.hcxt = rows_context;
	rows = hash_create("custody rows with large objects", 64, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static RowPlace
place_of(Relation leaf, TupleTableSlot *slot)
{
	RowPlace	place;

	place.leaf = RelationGetRelid(leaf);
	place.storage = leaf->rd_rel->relfilenode;
	place.block = ItemPointerGetBlockNumber(&slot->tts_tid);
	place.offset = ItemPointerGetOffsetNumber(&slot->tts_tid);
	return place;
}

static TransactionId
xmin_of(TupleTableSlot *slot)
{
	bool		isnull;
	Datum		xmin = slot_getsysattr(slot, MinTransactionIdAttributeNumber, &isnull);

	return isnull ? InvalidTransactionId : DatumGetTransactionId(xmin);
}

static cc_value *
copy_contents(const cc_value *contents, int n)
{
	cc_value   *copy = MemoryContextAlloc(rows_context, n * sizeof(cc_value));

	for (int i = 0; i < n; i++)
	{
		uint8	   *bytes = MemoryContextAlloc(rows_context, contents[i].len + 1);

		copy[i] = contents[i];
		if (contents[i].data == NULL)
			continue;
		memcpy(bytes, contents[i].data, contents[i].len);
		copy[i].data = bytes;
	}
	return copy;
}

/* The row in a slot as this transaction recorded it, or NULL. */
static RememberedRow *
find_row(Relation leaf, TupleTableSlot *slot, int n)
{
	RowPlace	place = place_of(leaf, slot);
	RememberedRow *row;

	if (rows == NULL)
		return NULL;
	row = hash_search(rows, &place, HASH_FIND, NULL);
	return row != NULL && row->xmin == xmin_of(slot) && row->n == n ? row : NULL;
}

static void
remember_row(Relation leaf, TupleTableSlot *slot, const cc_value *contents, int n)
{
	RowPlace	place = place_of(leaf, slot);
	RememberedRow *row;

	init_rows();
	row = hash_search(rows, &place, HASH_ENTER, NULL);
	row->xmin = xmin_of(slot);
	row->changes = custody_largeobject_changes();
	row->n = n;
	row->contents = copy_contents(contents, n);
}

/* Read the large objects with or without what this transaction did to them. */
static void
read_contents(CustodyRenderer *r, TupleTableSlot *slot, cc_value *contents, bool own)
{
	Snapshot	snapshot = custody_largeobject_snapshot(own);

	custody_canonical_render_contents(r, slot, contents, snapshot);
	UnregisterSnapshot(snapshot);
}

void
custody_contents_render(Relation leaf, CustodyRenderer *r, TupleTableSlot *slot,
						cc_value *values)
{
	int			n = custody_canonical_contents(r);
	cc_value   *contents = values + custody_canonical_columns(r);

	read_contents(r, slot, contents, true);
	remember_row(leaf, slot, contents, n);
}

void
custody_contents_render_replaced(Relation leaf, CustodyRenderer *r,
								 TupleTableSlot *slot, cc_value *values)
{
	int			n = custody_canonical_contents(r);
	cc_value   *contents = values + custody_canonical_columns(r);
	RememberedRow *row = find_row(leaf, slot, n);

	if (row != NULL)
		memcpy(contents, row->contents, n * sizeof(cc_value));
	else
		read_contents(r, slot, contents,
					  TransactionIdIsCurrentTransactionId(xmin_of(slot)));
}

/* At pre-commit */

static bool
contents_differ(const RememberedRow *row, CustodyRenderer *r, TupleTableSlot *slot,
				Snapshot snapshot)
{
	cc_value   *now = palloc(row->n * sizeof(cc_value));

	custody_canonical_render_contents(r, slot, now, snapshot);
	for (int i = 0; i < row->n; i++)
		if (!cc_value_equal(&now[i], &row->contents[i]))
			return true;
	return false;
}

static void
settle_row(const RememberedRow *row, Snapshot snapshot, CustodyRestate restate)
{
	Relation	leaf = try_table_open(row->place.leaf, AccessShareLock);
	TupleTableSlot *slot;
	ItemPointerData tid;

	if (leaf == NULL)
		return;
	slot = table_slot_create(leaf, NULL);
	ItemPointerSet(&tid, row->place.block, (OffsetNumber) row->place.offset);
	if (leaf->rd_rel->relfilenode == row->place.storage &&
		custody_schema_protection(custody_schema_root(row->place.leaf), SnapshotSelf) != NULL &&
		table_tuple_fetch_row_version(leaf, &tid, snapshot, slot) &&
		find_row(leaf, slot, custody_canonical_contents(custody_relstate_get(leaf)->renderer)) == row &&
		contents_differ(row, custody_relstate_get(leaf)->renderer, slot, snapshot))
		restate(leaf, slot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(leaf, NoLock);
}

/* Rows recorded before the last change to a large object. */
static List *
unsettled_rows(void)
{
	int64		changes = custody_largeobject_changes();
	List	   *result = NIL;
	HASH_SEQ_STATUS seq;
	RememberedRow *row;

	hash_seq_init(&seq, rows);
	while ((row = hash_seq_search(&seq)) != NULL)
		if (changes < 0 || row->changes != changes)
			result = lappend(result, row);
	return result;
}

void
custody_contents_settle(CustodyRestate restate)
{
	MemoryContext context;
	MemoryContext old;
	Snapshot	snapshot;
	ListCell   *lc;

	if (rows == NULL)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "custody contents settled",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	snapshot = custody_largeobject_snapshot(true);
	PushActiveSnapshot(snapshot);
	foreach(lc, unsettled_rows())
		settle_row(lfirst(lc), snapshot, restate);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
