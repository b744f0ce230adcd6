/*
 * longvalue.c
 *	  Where the bytes of long values are that entries refer to.
 *
 * A long value that an update left alone is stored once, by the entry that
 * brought it; later entries of the row name its digest.  The place of each is
 * remembered, not its bytes, and read again when a row is shown.  A row whose
 * key changed has its long values under the old key: those chunks are searched
 * when needed.  A digest stands for its bytes wherever they are.
 *
 * Memory: 64 bytes for each long value noted, in a context of its own.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "pg/longvalue.h"
#include "pg/lookup.h"

/* Where the bytes of a long value are. */
typedef struct Place
{
	uint8		digest[CC_DIGEST_SIZE]; /* hash key */
	uint64		xact_id;
	int64		txn_no;
	int64		entry_no;
} Place;

struct CustodyLongValues
{
	MemoryContext context;
	CustodyLayouts *layouts;
	const Bitmapset *relations;
	Snapshot	snapshot;		/* for what applications' transactions write */
	Snapshot	ledger_snapshot;	/* the caller's */
	bool		search;
	HTAB	   *places;
	HTAB	   *old_keys;		/* lookup numbers of old keys seen */
	List	   *unsearched;		/* those not yet searched: int64 * */
};

CustodyLongValues *
custody_longvalue_begin(CustodyLayouts *layouts, const Bitmapset *relations,
						Snapshot snapshot, Snapshot ledger_snapshot, bool search)
{
	CustodyLongValues *lv = palloc0(sizeof(CustodyLongValues));
	HASHCTL		ctl = {0};

	lv->context = AllocSetContextCreate(CurrentMemoryContext, "custody long values",
										ALLOCSET_SMALL_SIZES);
	lv->layouts = layouts;
	lv->relations = relations;
	lv->snapshot = snapshot;
	lv->ledger_snapshot = ledger_snapshot;
	lv->search = search;
	ctl.keysize = CC_DIGEST_SIZE;
	ctl.entrysize = sizeof(Place);
	ctl.hcxt = lv->context;
	lv->places = hash_create("custody long values", 64, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(int64);
	lv->old_keys = hash_create("custody old keys", 16, &ctl,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return lv;
}

/* Remember where an entry's long values are. */
static void
note_long_values(CustodyLongValues *lv, const CustodyPastEntry *entry)
{
	for (int i = 0; i < entry->values.nvalues; i++)
	{
		const cc_value *value = &entry->values.values[i];
		Place	   *place;
		bool		found;

		if (value->form != CC_VALUE_LONG)
			continue;
		place = hash_search(lv->places, value->digest, HASH_ENTER, &found);
		if (found)
			continue;
		place->xact_id = entry->xact_id;
		place->txn_no = entry->txn_no;
		place->entry_no = entry->entry_no;
	}
}

/* Remember the old key of a row, to search for its long values. */
static void
note_old_key(CustodyLongValues *lv, const CustodyPastEntry *entry)
{
	int64		number;
	int64	   *seen;
	bool		found;

	if (!lv->search || !(entry->head.flags & CC_ENTRY_KEY_CHANGED))
		return;
	number = cc_lookup_key(entry->head.relation, entry->values.old_key, NULL,
						   entry->values.nold_key);
	seen = hash_search(lv->old_keys, &number, HASH_ENTER, &found);
	if (!found)
		lv->unsearched = lappend(lv->unsearched, seen);
}

void
custody_longvalue_note(CustodyLongValues *lv, const CustodyPastEntry *entry)
{
	MemoryContext old = MemoryContextSwitchTo(lv->context);

	note_long_values(lv, entry);
	note_old_key(lv, entry);
	MemoryContextSwitchTo(old);
}

/* Note the long values and old keys of an entry, or of a whole transaction. */
static void
search_position(CustodyLongValues *lv, const CustodyPosition *position)
{
	CustodyEntryWalk walk;
	CustodyPastEntry entry = {0};
	bool		any = position->entry_no == CUSTODY_ANY_ENTRY;
	bool		found;

	entry.xact_id = position->xact_id;
	entry.txn_no = position->txn_no;
	custody_reader_walk_at(&walk, position->xact_id, position->txn_no,
						   any ? 0 : position->entry_no, lv->snapshot);
	walk.heads_only = true;
	found = any ? custody_reader_walk_next(&walk) :
		custody_reader_walk_to(&walk, position->entry_no);
	while (found)
	{
		if (custody_pastentry_open(&entry, lv->layouts, lv->relations, &walk) &&
			entry.open)
			custody_longvalue_note(lv, &entry);
		found = any && custody_reader_walk_next(&walk);
	}
	custody_reader_walk_end(&walk);
}

/* Search under the old keys seen, until a digest is found. */
static Place *
search_old_keys(CustodyLongValues *lv, const uint8 *digest)
{
	Place	   *place = NULL;

	while (place == NULL && lv->unsearched != NIL)
	{
		int64	   *number = linitial(lv->unsearched);
		MemoryContext old = MemoryContextSwitchTo(lv->context);
		CustodyPosition *positions;
		int			n;

		lv->unsearched = list_delete_first(lv->unsearched);
		positions = custody_lookup_entries(number, 1, lv->ledger_snapshot, &n);
		for (int i = 0; i < n; i++)
			search_position(lv, &positions[i]);
		MemoryContextSwitchTo(old);
		place = hash_search(lv->places, digest, HASH_FIND, NULL);
	}
	return place;
}

/* Read a long value again, into the current context. */
static void
fetch_long(CustodyLongValues *lv, const Place *place, cc_value *value)
{
	CustodyEntryWalk walk;
	CustodyPastEntry entry = {0};

	custody_reader_walk_at(&walk, place->xact_id, place->txn_no, place->entry_no,
						   lv->snapshot);
	walk.heads_only = true;
	if (custody_reader_walk_to(&walk, place->entry_no) &&
		custody_pastentry_open(&entry, lv->layouts, lv->relations, &walk) &&
		entry.open)
		for (int i = 0; i < entry.values.nvalues; i++)
		{
			const cc_value *held = &entry.values.values[i];

			if (held->form != CC_VALUE_LONG || !cc_value_equal(held, value))
				continue;
			value->data = memcpy(MemoryContextAllocHuge(CurrentMemoryContext, held->len),
								 held->data, held->len);
			value->form = CC_VALUE_LONG;
			break;
		}
	custody_reader_walk_end(&walk);
}

void
custody_longvalue_resolve(CustodyLongValues *lv, cc_value *values, int n)
{
	for (int i = 0; i < n; i++)
	{
		Place	   *place;

		if (values[i].form != CC_VALUE_REFERENCE)
			continue;
		place = hash_search(lv->places, values[i].digest, HASH_FIND, NULL);
		if (place == NULL)
			place = search_old_keys(lv, values[i].digest);
		if (place != NULL)
			fetch_long(lv, place, &values[i]);
	}
}
