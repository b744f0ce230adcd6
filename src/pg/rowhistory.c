/*
 * rowhistory.c
 *	  Recorded versions of a table's rows, or of one row, that the caller may
 *	  see.
 *
 * Row security decides by the row's key as it is now: if the policies show the
 * caller a row with that key, he sees its past; of a deleted row he sees
 * nothing.
 *
 * One row is found by its lookup number.  What empties a table (truncate,
 * detach) names no row, so it has no lookup number: it is searched from the
 * row's last version on, and only when something must have happened there (the
 * row is inserted again without a delete, or is gone).
 *
 * Locks: AccessShareLock on the ledger.  Memory: the context current when it
 * began.  Transaction state: an active snapshot; what the current transaction
 * itself changed is not in it, since its record is written at commit.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "pg/error.h"
#include "pg/rowhistory.h"

static void
refuse_unprotected(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_NOT_PROTECTED),
			 errmsg("table \"%s\" was never protected", get_rel_name(relid)),
			 errdetail("The ledger holds nothing about it."),
			 errhint("custody.protect() records its rows and every change from then on.")));
}

/* Look up the one row, unless row security hides it. */
static CustodyPast *
begin_key(CustodyRowHistory *h, Jsonb *json)
{
	const CustodyVersion *version = h->newest->decoded;
	int64	   *numbers;
	int			n;

	h->key = custody_rowkey_parse(h->relid, version, json);
	numbers = custody_layouts_set_key(h->layouts, h->newest, h->key->values, &n);
	if (custody_rowkey_limited(h->relid))
	{
		if (version->schema.key_kind == CC_KEY_COLUMNS)
			h->hidden = !custody_rowkey_visible(h->relid, h->key);
		else
			h->hidden = hash_search(custody_rowkey_all_visible(h->relid, version),
									h->newest->key, HASH_FIND, NULL) == NULL;
	}
	return custody_past_begin_lookup(h->layouts, custody_layouts_selected(h->layouts),
									 numbers, h->hidden ? 0 : n, h->snapshot);
}

CustodyRowHistory *
custody_rowhistory_begin(Oid relid, Jsonb *key)
{
	custody_rowkey_require_select(relid);
	return custody_rowhistory_begin_granted(relid, key);
}

CustodyRowHistory *
custody_rowhistory_begin_granted(Oid relid, Jsonb *key)
{
	CustodyRowHistory *h = palloc0(sizeof(CustodyRowHistory));

	h->relid = relid;
	h->snapshot = GetActiveSnapshot();
	h->layouts = custody_layouts_load(h->snapshot, false);
	h->newest = custody_layouts_select(h->layouts, relid);
	if (h->newest == NULL)
		refuse_unprotected(relid);
	if (key != NULL)
	{
		h->past = begin_key(h, key);
		return h;
	}
	if (custody_rowkey_limited(relid))
		h->visible = custody_rowkey_all_visible(relid, h->newest->decoded);
	h->past = custody_past_begin(h->layouts, custody_layouts_selected(h->layouts),
								 h->snapshot);
	return h;
}

void
custody_rowhistory_end(CustodyRowHistory *h)
{
	if (h->gap != NULL)
		custody_past_end(h->gap);
	custody_past_end(h->past);
}

bool
custody_rowhistory_visible(const CustodyRowHistory *h, const uint8 *key)
{
	return h->visible == NULL ||
		hash_search(h->visible, key, HASH_FIND, NULL) != NULL;
}

static bool
empties_table(cc_kind kind)
{
	return kind == CC_KIND_TRUNCATE || kind == CC_KIND_DETACH;
}

/* Is this entry, by its new or old key, about the row (or a visible row)? */
static bool
matches(const CustodyRowHistory *h, const CustodyPastEntry *entry,
		void (*digest) (const CustodyPastEntry *, uint8 *))
{
	uint8		key[CC_DIGEST_SIZE];

	digest(entry, key);
	if (h->key == NULL)
		return custody_rowhistory_visible(h, key);
	return entry->layout->keyed &&
		memcmp(key, entry->layout->key, CC_DIGEST_SIZE) == 0;
}

/* Is the entry wanted?  Sets *stands: does the row exist after it? */
static bool
wanted(const CustodyRowHistory *h, const CustodyPastEntry *entry, bool *stands)
{
	*stands = false;
	if (entry->layout == NULL || !entry->layout->selected)
		return false;
	if (empties_table(entry->head.kind))
		return h->key == NULL;
	if (!cc_kind_is_row(entry->head.kind))
		return false;
	if (!entry->open)
	{
		*stands = h->present;
		return h->key == NULL ? h->visible == NULL : h->give_erased && entry->erased;
	}
	if (matches(h, entry, custody_past_key))
	{
		*stands = cc_kind_has_row(entry->head.kind);
		return true;
	}
	return (entry->head.flags & CC_ENTRY_KEY_CHANGED) &&
		matches(h, entry, custody_past_old_key);
}

static void
note_last(CustodyRowHistory *h, const CustodyPastEntry *entry, bool stands)
{
	h->present = stands;
	h->last_leaf_index = entry->leaf_index;
	h->last_txn_no = entry->txn_no;
	h->last_entry_no = entry->entry_no;
	h->last_relation = entry->head.relation;
	h->last_leaf = entry->layout->leaf;
}

static bool
same_place(const CustodyPastEntry *entry, int64 txn_no, int64 entry_no)
{
	return entry->txn_no == txn_no && entry->entry_no == entry_no;
}

/*
 * What emptied the row's table between its last version and the pending entry
 * (or the end), NULL if nothing did.
 */
static CustodyPastEntry *
search_gap(CustodyRowHistory *h)
{
	CustodyPastEntry *entry;
	bool		after = false;

	h->gap = custody_past_begin_at(h->layouts,
								   bms_make_singleton((int) h->last_relation),
								   h->last_leaf_index < 0 ? PG_INT64_MAX : h->last_leaf_index,
								   h->snapshot);
	while ((entry = custody_past_next(h->gap)) != NULL)
	{
		if (h->pending != NULL &&
			same_place(entry, h->pending->txn_no, h->pending->entry_no))
			break;
		if (after && empties_table(entry->head.kind) && entry->layout != NULL &&
			entry->layout->leaf == h->last_leaf)
			return entry;
		after |= same_place(entry, h->last_txn_no, h->last_entry_no);
	}
	custody_past_end(h->gap);
	h->gap = NULL;
	return NULL;
}

/* The row is gone now although its last version stands? */
static bool
vanished(const CustodyRowHistory *h)
{
	return h->newest->decoded->schema.key_kind == CC_KEY_WHOLE_ROW ||
		!custody_rowkey_visible(h->relid, h->key);
}

static CustodyPastEntry *
next_of_row(CustodyRowHistory *h)
{
	CustodyPastEntry *entry;
	bool		stands = false;

	if (h->gap != NULL)
	{
		custody_past_end(h->gap);
		h->gap = NULL;
	}
	if (h->pending == NULL && !h->ended)
	{
		while ((h->pending = custody_past_next(h->past)) != NULL &&
			   !wanted(h, h->pending, &stands))
			h->erased |= h->pending->erased;
		h->ended = h->pending == NULL;
		if (h->present && h->ended ? vanished(h) :
			h->present && h->pending->head.kind == CC_KIND_INSERT)
		{
			h->present = false;
			entry = search_gap(h);
			if (entry != NULL)
				return entry;
		}
	}
	entry = h->pending;
	h->pending = NULL;
	if (entry != NULL)
	{
		(void) wanted(h, entry, &stands);
		note_last(h, entry, stands);
	}
	return entry;
}

CustodyPastEntry *
custody_rowhistory_next(CustodyRowHistory *h)
{
	CustodyPastEntry *entry;
	bool		stands;

	if (h->key != NULL)
		return next_of_row(h);
	while ((entry = custody_past_next(h->past)) != NULL)
		if (wanted(h, entry, &stands))
			return entry;
	return NULL;
}
