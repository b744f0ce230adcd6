/*
 * order.c
 *	  Changes of one row in the order in which they happened.
 *
 * AFTER triggers of a statement fire when it has changed all its rows.  A
 * trigger or function that meanwhile changes one of these rows again has its
 * own change captured first.  Such a change is recognised by the row version it
 * replaces, made by this transaction but not captured yet, and is kept until
 * that version was.
 *
 * A version that is never captured (a table was rewritten) is given up when the
 * client's next statement makes a change: what waits for it is appended first.
 *
 * Invariants: a kept entry is appended by the subtransaction it belongs to or,
 * after that committed, by its parent; whatever is still kept at pre-commit is
 * appended then.  So the order may be lost, an entry never.
 *
 * Memory: one context below TopTransactionContext, for transactions that change
 * more than a few rows; 64 bytes for each page on which they made rows.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "lib/ilist.h"
#include "storage/bufpage.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/append.h"
#include "pg/order.h"
#include "pg/xact.h"

#define PAGE_WORDS (MaxHeapTuplesPerPage / 64 + 1)

/* Row versions of one page that were captured. */
typedef struct CapturedPage
{
	struct
	{
		Oid			leaf;
		BlockNumber block;
	}			id;				/* hash key */
	uint64		captured[PAGE_WORDS];
} CapturedPage;

typedef struct RowVersion
{
	Oid			leaf;
	BlockNumber block;
	uint32		offset;			/* 0 = none */
} RowVersion;

/* An entry that waits; its bytes behind it. */
typedef struct KeptEntry
{
	dlist_node	node;			/* oldest first */
	RowVersion	replaces;
	RowVersion	makes;
	int			nest_level;
	cc_stored	entry;
	uint8		bytes[FLEXIBLE_ARRAY_MEMBER];
} KeptEntry;

typedef struct KeptByVersion
{
	RowVersion	replaces;		/* hash key */
	KeptEntry  *kept;
} KeptByVersion;

/* Versions captured first; all a small transaction has. */
#define MAX_RECENT 32

static RowVersion recent[MAX_RECENT];
static int	nrecent = 0;

static MemoryContext order_context = NULL;
static HTAB *pages = NULL;		/* of the others */
static CapturedPage *last_page = NULL;
static HTAB *waiting = NULL;	/* of KeptByVersion */
static dlist_head kept_entries = DLIST_STATIC_INIT(kept_entries);
static int	nkept = 0;
static TimestampTz kept_since = 0;	/* statement of the newest kept entry */

static void
init_order(void)
{
	HASHCTL		ctl = {0};

	if (order_context != NULL)
		return;
	order_context = AllocSetContextCreate(TopTransactionContext,
										  "custody order",
										  ALLOCSET_DEFAULT_SIZES);
	ctl.keysize = sizeof(last_page->id);
	ctl.entrysize = sizeof(CapturedPage);
	ctl.hcxt = order_context;
	pages = hash_create("custody captured pages", 64, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ctl.keysize = sizeof(RowVersion);
	ctl.entrysize = sizeof(KeptByVersion);
	waiting = hash_create("custody waiting entries", 16, &ctl,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* The page of a version; NULL if 'create' is false and there is none. */
static CapturedPage *
find_page(const RowVersion *v, bool create)
{
	CapturedPage *page;
	CapturedPage key;
	bool		found;

	if (last_page != NULL && last_page->id.leaf == v->leaf &&
		last_page->id.block == v->block)
		return last_page;
	key.id.leaf = v->leaf;
	key.id.block = v->block;
	page = hash_search(pages, &key.id, create ? HASH_ENTER : HASH_FIND, &found);
	if (page != NULL && !found)
		memset(page->captured, 0, sizeof(page->captured));
	if (page != NULL)
		last_page = page;
	return page;
}

static void
mark_captured(const RowVersion *v)
{
	if (v->offset >= PAGE_WORDS * 64)
		return;
	if (nrecent < MAX_RECENT)
	{
		recent[nrecent++] = *v;
		return;
	}
	init_order();
	find_page(v, true)->captured[v->offset / 64] |=
		UINT64CONST(1) << (v->offset % 64);
}

static bool
is_recent(const RowVersion *v)
{
	for (int i = 0; i < nrecent; i++)
		if (memcmp(&recent[i], v, sizeof(RowVersion)) == 0)
			return true;
	return false;
}

static bool
is_captured(const RowVersion *v)
{
	CapturedPage *page;

	if (v->offset >= PAGE_WORDS * 64)
		return true;
	if (is_recent(v))
		return true;
	page = pages == NULL ? NULL : find_page(v, false);
	return page != NULL &&
		(page->captured[v->offset / 64] & UINT64CONST(1) << (v->offset % 64)) != 0;
}

/* Versions are followed in heap tables only; others are taken as they come. */
static RowVersion
row_version(Relation leaf, TupleTableSlot *slot)
{
	RowVersion	v = {InvalidOid, InvalidBlockNumber, 0};

	if (slot == NULL || !TTS_IS_BUFFERTUPLE(slot) ||
		!ItemPointerIsValid(&slot->tts_tid))
		return v;
	v.leaf = RelationGetRelid(leaf);
	v.block = ItemPointerGetBlockNumber(&slot->tts_tid);
	v.offset = ItemPointerGetOffsetNumber(&slot->tts_tid);
	return v;
}

/* Did this transaction make the row version without capturing it yet? */
static bool
must_wait(TupleTableSlot *slot, const RowVersion *v)
{
	HeapTuple	tuple;

	if (v->offset == 0)
		return false;
	tuple = ((BufferHeapTupleTableSlot *) slot)->base.tuple;
	return tuple != NULL && tuple->t_data != NULL &&
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)) &&
		!is_captured(v);
}

/* Keep the entry; false if another already waits for the same version. */
static bool
keep_entry(const RowVersion *replaces, const RowVersion *makes,
		   const cc_stored *entry)
{
	KeptByVersion *by_version;
	KeptEntry  *kept;
	bool		found;

	custody_xact_note_change();
	init_order();
	kept = MemoryContextAllocHuge(order_context,
								  offsetof(KeptEntry, bytes) + entry->rest.len);
	by_version = hash_search(waiting, replaces, HASH_ENTER, &found);
	if (found)
	{
		pfree(kept);
		return false;
	}
	kept->replaces = *replaces;
	kept->makes = *makes;
	kept->nest_level = GetCurrentTransactionNestLevel();
	kept->entry = *entry;
	memcpy(kept->bytes, entry->rest.data, entry->rest.len);
	kept->entry.rest.data = kept->bytes;
	by_version->kept = kept;
	dlist_push_tail(&kept_entries, &kept->node);
	nkept++;
	kept_since = GetCurrentStatementStartTimestamp();
	return true;
}

static void
forget_entry(KeptEntry *kept)
{
	hash_search(waiting, &kept->replaces, HASH_REMOVE, NULL);
	dlist_delete(&kept->node);
	nkept--;
	pfree(kept);
}

/* The entry that waits for a version and may be appended now, or NULL. */
static KeptEntry *
find_waiting(const RowVersion *v)
{
	KeptByVersion *found;

	if (nkept == 0)
		return NULL;
	found = hash_search(waiting, v, HASH_FIND, NULL);
	return found != NULL &&
		found->kept->nest_level == GetCurrentTransactionNestLevel() ?
		found->kept : NULL;
}

/* A version was captured: append what waits for it, and so on. */
static void
note_captured(RowVersion version)
{
	while (version.offset != 0)
	{
		KeptEntry  *kept;

		mark_captured(&version);
		kept = find_waiting(&version);
		if (kept == NULL)
			break;
		custody_append_entry(&kept->entry);
		version = kept->makes;
		forget_entry(kept);
	}
}

void
custody_order_settle(void)
{
	dlist_mutable_iter iter;

	if (nkept == 0 || kept_since == GetCurrentStatementStartTimestamp())
		return;
	dlist_foreach_modify(iter, &kept_entries)
	{
		KeptEntry  *kept = dlist_container(KeptEntry, node, iter.cur);
		RowVersion	made = kept->makes;

		if (kept->nest_level != GetCurrentTransactionNestLevel())
			continue;
		custody_append_entry(&kept->entry);
		forget_entry(kept);
		if (made.offset != 0)
			mark_captured(&made);
	}
}

void
custody_order_append(Relation leaf, TupleTableSlot *new_slot,
					 TupleTableSlot *old_slot, const cc_stored *entry)
{
	RowVersion	replaces = row_version(leaf, old_slot);
	RowVersion	makes = row_version(leaf, new_slot);

	custody_order_settle();
	if (must_wait(old_slot, &replaces) && keep_entry(&replaces, &makes, entry))
		return;
	custody_append_entry(entry);
	note_captured(makes);
}

bool
custody_order_pending(void)
{
	return nkept > 0;
}

void
custody_order_flush(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &kept_entries)
	{
		KeptEntry  *kept = dlist_container(KeptEntry, node, iter.cur);

		custody_append_entry(&kept->entry);
		forget_entry(kept);
	}
}

void
custody_order_subcommit(int nest_level)
{
	dlist_iter	iter;

	dlist_foreach(iter, &kept_entries)
	{
		KeptEntry  *kept = dlist_container(KeptEntry, node, iter.cur);

		if (kept->nest_level == nest_level)
			kept->nest_level--;
	}
}

void
custody_order_subabort(int nest_level)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &kept_entries)
	{
		KeptEntry  *kept = dlist_container(KeptEntry, node, iter.cur);

		if (kept->nest_level >= nest_level)
			forget_entry(kept);
	}
}

/* The memory goes with TopTransactionContext. */
void
custody_order_reset(void)
{
	nrecent = 0;
	order_context = NULL;
	pages = NULL;
	last_page = NULL;
	waiting = NULL;
	dlist_init(&kept_entries);
	nkept = 0;
}
