/*
 * asof.c
 *	  SQL: history(row_type, key) and as_of(row_type, at), which give rows of
 *	  the table's own type.
 *
 * as_of replays the log up to a commit time: one walk over the ledger, however
 * old or young the time is.  The rows standing at a point of the walk are in a
 * hash table keyed by leaf table and row key; several rows may share a key
 * (tables without one, and keys that swap places within a statement), and the
 * one that came first goes first.  When a table is protected again, what its
 * earlier protection left is dropped: the new baseline says what is there.  A
 * change of layout that changes what rows read, or their key, comes with a new
 * baseline of its own.
 *
 * Memory: every row standing is held with its short values; long ones are read
 * again when the row is given.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/rowhistory.h"
#include "pg/typed.h"

/* A row standing. */
typedef struct Row
{
	dlist_node	node;			/* among the rows of one key */
	uint64		sequence;		/* order of appearance */
	CustodyLayout *layout;
	cc_value	values[FLEXIBLE_ARRAY_MEMBER];	/* then their bytes */
} Row;

typedef struct RowsOfKey
{
	struct
	{
		Oid			leaf;
		uint8		key[CC_DIGEST_SIZE];
	}			id;				/* hash key */
	dlist_head	rows;
} RowsOfKey;

typedef struct Replay
{
	MemoryContext context;
	HTAB	   *keys;			/* of RowsOfKey */
	Bitmapset  *protections;	/* relation numbers seen */
	uint64		sequence;
} Replay;

static Replay *
begin_replay(void)
{
	Replay	   *replay = palloc0(sizeof(Replay));
	HASHCTL		ctl = {0};

	replay->context = AllocSetContextCreate(CurrentMemoryContext, "custody as of",
											ALLOCSET_DEFAULT_SIZES);
	ctl.hcxt = replay->context;
	ctl.keysize = sizeof(((RowsOfKey *) NULL)->id);
	ctl.entrysize = sizeof(RowsOfKey);
	replay->keys = hash_create("custody rows standing", 1024, &ctl,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return replay;
}

static void
row_key(const CustodyLayout *layout, const cc_value *values, uint8 *key)
{
	const cc_schema *s = &layout->decoded->schema;

	cc_key_digest(key, 0, values, cc_schema_key_positions(s), cc_schema_key_count(s));
}

static RowsOfKey *
rows_of_key(Replay *replay, Oid leaf, const uint8 *key, bool enter)
{
	RowsOfKey	wanted;
	RowsOfKey  *rows;
	bool		found;

	memset(&wanted, 0, sizeof(wanted));
	wanted.id.leaf = leaf;
	memcpy(wanted.id.key, key, CC_DIGEST_SIZE);
	rows = hash_search(replay->keys, &wanted.id, enter ? HASH_ENTER : HASH_FIND, &found);
	if (enter && !found)
		dlist_init(&rows->rows);
	return rows;
}

/* Copy values into a row; long ones keep only their digest. */
static Row *
make_row(Replay *replay, CustodyLayout *layout, const cc_value *values)
{
	uint16_t	n = layout->decoded->schema.ncolumns;
	Size		header = offsetof(Row, values) + n * sizeof(cc_value);
	Size		size = header;
	Row		   *row;
	uint8	   *bytes;

	for (int i = 0; i < n; i++)
		if (values[i].form == CC_VALUE_SHORT)
			size += values[i].len;
	row = MemoryContextAllocHuge(replay->context, size);
	row->layout = layout;
	bytes = (uint8 *) row + header;
	for (int i = 0; i < n; i++)
	{
		row->values[i] = values[i];
		if (values[i].form == CC_VALUE_SHORT)
		{
			row->values[i].data = memcpy(bytes, values[i].data, values[i].len);
			bytes += values[i].len;
		}
		else if (values[i].form == CC_VALUE_LONG)
		{
			row->values[i].form = CC_VALUE_REFERENCE;
			row->values[i].data = NULL;
		}
	}
	return row;
}

static void
add_row(Replay *replay, Row *row, uint64 sequence)
{
	uint8		key[CC_DIGEST_SIZE];

	row->sequence = sequence;
	row_key(row->layout, row->values, key);
	dlist_push_tail(&rows_of_key(replay, row->layout->leaf, key, true)->rows,
					&row->node);
}

/* Take the first row of a key away; gives its place in the order, 0 = none. */
static uint64
remove_row(Replay *replay, Oid leaf, const uint8 *key)
{
	RowsOfKey  *rows = rows_of_key(replay, leaf, key, false);
	Row		   *row;
	uint64		sequence;

	if (rows == NULL || dlist_is_empty(&rows->rows))
		return 0;
	row = dlist_container(Row, node, dlist_pop_head_node(&rows->rows));
	sequence = row->sequence;
	pfree(row);
	if (dlist_is_empty(&rows->rows))
		hash_search(replay->keys, &rows->id, HASH_REMOVE, NULL);
	return sequence;
}

/* Drop the rows of a leaf, or of a table's other protections. */
static void
drop_rows(Replay *replay, Oid leaf, const CustodyLayout *newcomer)
{
	HASH_SEQ_STATUS seq;
	RowsOfKey  *rows;

	hash_seq_init(&seq, replay->keys);
	while ((rows = hash_seq_search(&seq)) != NULL)
	{
		dlist_mutable_iter iter;

		dlist_foreach_modify(iter, &rows->rows)
		{
			Row		   *row = dlist_container(Row, node, iter.cur);

			if (newcomer == NULL ? rows->id.leaf != leaf :
				row->layout->relation_id == newcomer->relation_id ||
				row->layout->protection == NULL ||
				row->layout->protection->relid != newcomer->protection->relid)
				continue;
			dlist_delete(iter.cur);
			pfree(row);
		}
		if (dlist_is_empty(&rows->rows))
			hash_search(replay->keys, &rows->id, HASH_REMOVE, NULL);
	}
}

/* A protection's first entry: what an earlier one of the table left goes. */
static void
follow_protection(Replay *replay, const CustodyLayout *layout)
{
	int			number = (int) layout->relation_id;

	if (layout->protection == NULL || bms_is_member(number, replay->protections))
		return;
	drop_rows(replay, InvalidOid, layout);
	replay->protections = bms_add_member(replay->protections, number);
}

/* Replay one change of a row. */
static void
replay_row(Replay *replay, const CustodyPastEntry *entry)
{
	Oid			leaf = entry->layout->leaf;
	uint64		sequence = 0;
	uint8		key[CC_DIGEST_SIZE];

	if (!entry->open)
		return;
	if (cc_kind_has_overwritten(entry->head.kind))
	{
		if (entry->head.flags & CC_ENTRY_KEY_CHANGED)
			custody_past_old_key(entry, key);
		else
			custody_past_key(entry, key);
		sequence = remove_row(replay, leaf, key);
	}
	if (!cc_kind_has_row(entry->head.kind))
		return;
	if (sequence == 0 || (entry->head.flags & CC_ENTRY_KEY_CHANGED))
		sequence = ++replay->sequence;
	add_row(replay, make_row(replay, entry->layout, entry->values.values), sequence);
}

static void
replay_entry(Replay *replay, const CustodyPastEntry *entry)
{
	if (entry->layout == NULL || !entry->layout->selected)
		return;
	if (entry->head.kind == CC_KIND_TRUNCATE || entry->head.kind == CC_KIND_DETACH)
	{
		follow_protection(replay, entry->layout);
		drop_rows(replay, entry->layout->leaf, NULL);
	}
	else if (cc_kind_is_row(entry->head.kind))
	{
		follow_protection(replay, entry->layout);
		replay_row(replay, entry);
	}
}

static int
compare_rows(const ListCell *a, const ListCell *b)
{
	const Row  *x = lfirst(a);
	const Row  *y = lfirst(b);

	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* Rows standing that the caller may see, in order of appearance. */
static List *
standing_rows(Replay *replay, const CustodyRowHistory *history)
{
	HASH_SEQ_STATUS seq;
	RowsOfKey  *rows;
	List	   *result = NIL;

	hash_seq_init(&seq, replay->keys);
	while ((rows = hash_seq_search(&seq)) != NULL)
	{
		dlist_iter	iter;

		if (!custody_rowhistory_visible(history, rows->id.key))
			continue;
		dlist_foreach(iter, &rows->rows)
			result = lappend(result, dlist_container(Row, node, iter.cur));
	}
	list_sort(result, compare_rows);
	return result;
}

static void
put_rows(CustodyTyped *typed, CustodyPast *past, List *rows)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "custody as of row",
												  ALLOCSET_DEFAULT_SIZES);
	ListCell   *lc;

	foreach(lc, rows)
	{
		Row		   *row = lfirst(lc);
		MemoryContext old = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		custody_past_resolve(past, row->values, row->layout->decoded->schema.ncolumns);
		custody_typed_put(typed, row->layout, row->values);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
}

static void
require_argument(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", name),
				 errdetail("The state of a table is asked for at a point in time."),
				 errhint("Use now() for the present.")));
}

PG_FUNCTION_INFO_V1(custody_sql_as_of);
Datum
custody_sql_as_of(PG_FUNCTION_ARGS)
{
	Oid			relid = custody_typed_relation(fcinfo);
	CustodyRowHistory *history;
	CustodyTyped *typed;
	CustodyPastEntry *entry;
	Replay	   *replay;
	TimestampTz at;

	require_argument(fcinfo, 1, "at");
	at = PG_GETARG_TIMESTAMPTZ(1);
	history = custody_rowhistory_begin(relid, NULL);
	typed = custody_typed_begin(fcinfo, history->layouts);
	replay = begin_replay();
	while ((entry = custody_past_next(history->past)) != NULL)
		if (entry->record != NULL &&
			custody_past_time(entry->record->commit_time) <= at)
			replay_entry(replay, entry);
	put_rows(typed, history->past, standing_rows(replay, history));
	custody_rowhistory_end(history);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(custody_sql_history_typed);
Datum
custody_sql_history_typed(PG_FUNCTION_ARGS)
{
	Oid			relid = custody_typed_relation(fcinfo);
	CustodyRowHistory *history;
	CustodyTyped *typed;
	CustodyPastEntry *entry;

	history = custody_rowhistory_begin(relid, PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1));
	typed = custody_typed_begin(fcinfo, history->layouts);
	while ((entry = custody_rowhistory_next(history)) != NULL)
	{
		if (!entry->open || !cc_kind_has_row(entry->head.kind))
			continue;
		custody_past_resolve(history->past, entry->values.values,
							 entry->values.nvalues);
		custody_typed_put(typed, entry->layout, entry->values.values);
	}
	custody_rowhistory_end(history);
	return (Datum) 0;
}
