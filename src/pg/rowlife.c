/*
 * rowlife.c
 *	  The sealed entries that make the life of one row, in order.
 *
 * Entries are found by key.  Usually one row at a time has a key, but within a
 * transaction keys can change places: so each update or delete is given to the
 * version that it overwrote, and the life is followed from its end backwards.
 *
 * Locks: AccessShareLock on the ledger.  Memory: current context; all entries
 * of the row's keys are held at once.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/convert.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/rowhistory.h"
#include "pg/rowjson.h"
#include "pg/rowlife.h"
#include "pg/salter.h"

/* The entries of one key. */
typedef struct KeyEntries
{
	char	   *key;
	List	   *entries;		/* in the order of the log */
	List	   *standing;		/* versions that nothing took away */
	CustodyLifeEntry *gone;		/* last that took one away */
} KeyEntries;

typedef struct RowLife
{
	Oid			relid;
	uint64		size;
	uint64		old_size;
	Snapshot	snapshot;
	bool		unsealed;
	CustodyLayouts *layouts;
	CustodyLayout *newest;
	List	   *keys;			/* of KeyEntries */
	List	   *longs;			/* of cc_value: long ones copied so far */
	List	   *erased;			/* entries, in the order of the log */
} RowLife;

/* Copies */

static cc_value *
find_long(const RowLife *life, const cc_value *value)
{
	ListCell   *lc;

	foreach(lc, life->longs)
		if (cc_value_equal(lfirst(lc), value))
			return lfirst(lc);
	return NULL;
}

/* Copy one value.  A long one is copied once, however many versions have it. */
static void
copy_value(RowLife *life, CustodyPast *past, cc_value *copy, cc_value *value)
{
	bool		is_long = value->form == CC_VALUE_LONG || value->form == CC_VALUE_REFERENCE;
	cc_value   *known = is_long ? find_long(life, value) : NULL;

	if (known == NULL)
		custody_past_resolve(past, value, 1);
	*copy = known != NULL ? *known : *value;
	if (known != NULL || value->data == NULL)
		return;
	copy->data = MemoryContextAllocHuge(CurrentMemoryContext, value->len + 1);
	memcpy((uint8 *) copy->data, value->data, value->len);
	if (is_long)
		life->longs = lappend(life->longs, copy);
}

static cc_value *
copy_values(RowLife *life, CustodyPast *past, cc_value *values, int n)
{
	cc_value   *copy = palloc0((n + 1) * sizeof(cc_value));

	for (int i = 0; i < n; i++)
		copy_value(life, past, &copy[i], &values[i]);
	return copy;
}

static bool
is_key(const CustodyPastEntry *entry, void (*digest) (const CustodyPastEntry *, uint8 *))
{
	uint8		key[CC_DIGEST_SIZE];

	digest(entry, key);
	return entry->layout->keyed && memcmp(key, entry->layout->key, CC_DIGEST_SIZE) == 0;
}

static CustodyLifeEntry *
copy_entry(RowLife *life, CustodyPast *past, CustodyPastEntry *entry)
{
	CustodyLifeEntry *e = palloc0(sizeof(CustodyLifeEntry));
	uint8	   *body = palloc(entry->head.body.len + 1);

	e->txn_no = entry->txn_no;
	e->leaf_index = entry->leaf_index;
	e->entry_no = entry->entry_no;
	e->head = entry->head;
	if (entry->head.body.len > 0)
		memcpy(body, entry->head.body.data, entry->head.body.len);
	e->head.body.data = body;
	e->layout = entry->layout;
	e->open = cc_kind_is_row(entry->head.kind) && entry->open;
	if (!e->open)
		return e;
	/* A walk for history leaves commitments out. */
	custody_check_ledger(cc_entry_commit(&e->head, &entry->layout->decoded->schema, &entry->values,
										 custody_salter()),
						 "entry of the row");
	memcpy(e->secret, entry->values.secret, CC_SECRET_SIZE);
	memcpy(e->row_digest, entry->values.row_digest, CC_DIGEST_SIZE);
	e->values = copy_values(life, past, entry->values.values, entry->values.nvalues);
	e->old_key = copy_values(life, past, entry->values.old_key, entry->values.nold_key);
	e->of_key = is_key(entry, custody_past_key);
	e->of_old_key = entry->head.flags & CC_ENTRY_KEY_CHANGED ?
		is_key(entry, custody_past_old_key) : e->of_key;
	return e;
}

/* Overwritten rows */

static const cc_schema *
schema_of(const CustodyLifeEntry *e)
{
	return &e->layout->decoded->schema;
}

static bool
has_row(const CustodyLifeEntry *e)
{
	return e->open && cc_kind_has_row(e->head.kind);
}

/*
 * Did e overwrite the version before, as a row read after these schema versions
 * were made?
 */
static bool
overwrote(const CustodyLifeEntry *e, const CustodyLifeEntry *before, List *through)
{
	const cc_schema *from = schema_of(before);
	cc_value   *values = before->values;
	uint8		digest[CC_DIGEST_SIZE];
	ListCell   *lc;

	through = lappend(list_copy(through), unconstify(CustodyLifeEntry *, e));
	foreach(lc, through)
	{
		const cc_schema *to = schema_of(lfirst(lc));
		cc_value   *converted = palloc((to->ncolumns + 1) * sizeof(cc_value));

		cc_values_convert(converted, from, values, to);
		from = to;
		values = converted;
	}
	cc_row_digest(digest, values, from->ncolumns);
	return cc_equal(digest, e->row_digest, CC_DIGEST_SIZE);
}

/* One key */

static bool
takes_away(const CustodyLifeEntry *e)
{
	return e->open && e->of_old_key && cc_kind_has_overwritten(e->head.kind);
}

/* The version that e overwrote: the one that fits, else the last. */
static CustodyLifeEntry *
take_overwritten(KeyEntries *k, CustodyLifeEntry *e)
{
	CustodyLifeEntry *found = NULL;
	ListCell   *lc;

	if (k->standing == NIL)
		return k->gone;
	foreach(lc, k->standing)
	{
		CustodyLifeEntry *candidate = lfirst(lc);

		if (overwrote(e, candidate, NIL))
			found = candidate;
	}
	if (found == NULL)
		found = llast(k->standing);
	k->standing = list_delete_ptr(k->standing, found);
	found->followed = true;
	return found;
}

/* What stood before a row that is there anew. */
static CustodyLifeEntry *
predecessor(const KeyEntries *k, const CustodyLifeEntry *e)
{
	if (k->standing != NIL && (e->head.kind == CC_KIND_BASELINE || k->gone == NULL))
		return llast(k->standing);
	return k->gone;
}

static void
add_entry(KeyEntries *k, CustodyLifeEntry *e)
{
	if (!cc_kind_is_row(e->head.kind))
	{
		if (k->standing == NIL)
			return;
		e->before = llast(k->standing);
		k->standing = NIL;
		k->gone = e;
	}
	else if (takes_away(e))
	{
		e->before = take_overwritten(k, e);
		if (!cc_kind_has_row(e->head.kind) || !e->of_key)
			k->gone = e;
	}
	else if (!(e->head.flags & CC_ENTRY_KEY_CHANGED))
		e->before = predecessor(k, e);
	if (e->head.kind == CC_KIND_BASELINE)
		k->standing = NIL;
	if (has_row(e) && e->of_key)
		k->standing = lappend(k->standing, e);
	k->entries = lappend(k->entries, e);
}

/*
 * A row that was inserted while another had its key, which lost it later, does
 * not follow from that one.
 */
static void
part_rows(KeyEntries *k)
{
	ListCell   *lc;

	foreach(lc, k->entries)
	{
		CustodyLifeEntry *e = lfirst(lc);

		if (e->head.kind == CC_KIND_INSERT && e->before != NULL &&
			has_row(e->before) && e->before->of_key && e->before->followed)
			e->before = NULL;
	}
}

static void
refuse_keyless(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("rows of table \"%s\" have no key", get_rel_name(relid)),
			 errdetail("Rows that are alike cannot be told apart, so the life of one cannot be followed."),
			 errhint("custody.prove_row() proves single versions.")));
}

static void
refuse_hidden(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("row security hides an earlier key of the row of table \"%s\"", get_rel_name(relid)),
			 errdetail("The row's key was changed, and no row that you may see has the earlier one."),
			 errhint("Give an old_size after the change, or ask a role that row security does not limit.")));
}

static void
read_entries(RowLife *life, KeyEntries *k, CustodyRowHistory *h)
{
	CustodyPastEntry *entry;

	h->give_erased = true;
	while ((entry = custody_rowhistory_next(h)) != NULL)
	{
		CustodyLifeEntry *e;

		if (entry->leaf_index < 0 || (uint64) entry->leaf_index >= life->size)
		{
			life->unsealed = true;
			continue;
		}
		if (entry->record == NULL || entry->layout == NULL)
			continue;
		e = copy_entry(life, h->past, entry);
		if (cc_kind_is_row(e->head.kind) && !e->open)
			life->erased = lappend(life->erased, e);
		else
			add_entry(k, e);
	}
	part_rows(k);
}

static KeyEntries *
load_key(RowLife *life, Jsonb *key)
{
	char	   *name = JsonbToCString(NULL, &key->root, VARSIZE(key));
	bool		first = life->keys == NIL;
	KeyEntries *k;
	CustodyRowHistory *h;
	ListCell   *lc;

	foreach(lc, life->keys)
	{
		k = lfirst(lc);
		if (strcmp(k->key, name) == 0)
			return k;
	}
	k = palloc0(sizeof(KeyEntries));
	k->key = name;
	life->keys = lappend(life->keys, k);
	h = custody_rowhistory_begin_granted(life->relid, key);
	if (h->newest->decoded->schema.key_kind != CC_KEY_COLUMNS)
		refuse_keyless(life->relid);
	if (h->hidden && !first)
		refuse_hidden(life->relid);
	life->layouts = h->layouts;
	life->newest = h->newest;
	read_entries(life, k, h);
	custody_rowhistory_end(h);
	return k;
}

/* From the end backwards */

static bool
same_place(const CustodyLifeEntry *a, const CustodyLifeEntry *b)
{
	return a->txn_no == b->txn_no && a->entry_no == b->entry_no;
}

/* The entry among those of the key that it changed. */
static CustodyLifeEntry *
under_old_key(RowLife *life, const CustodyLifeEntry *e)
{
	const cc_schema *s = &life->newest->decoded->schema;
	Jsonb	   *key = custody_rowjson(s, cc_schema_key_positions(s),
									  cc_schema_key_count(s), e->old_key);
	ListCell   *lc;

	if (key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("an earlier key of the row of table \"%s\" is not text of this database's encoding",
						get_rel_name(life->relid)),
				 errdetail("The entries under that key cannot be looked up."),
				 errhint("Give an old_size after the change of the key.")));
	foreach(lc, load_key(life, key)->entries)
		if (same_place(lfirst(lc), e))
			return lfirst(lc);
	return NULL;
}

static CustodyLifeEntry *
step_back(RowLife *life, CustodyLifeEntry *e)
{
	if (e->open && (e->head.flags & CC_ENTRY_KEY_CHANGED) && !e->of_old_key)
		e = under_old_key(life, e);
	return e == NULL ? NULL : e->before;
}

static List *
follow_back(RowLife *life, Jsonb *key)
{
	KeyEntries *k = load_key(life, key);
	CustodyLifeEntry *e = NULL;
	List	   *chain = NIL;

	if (k->standing != NIL)
		e = llast(k->standing);
	else if (k->entries != NIL)
		e = llast(k->entries);
	for (; e != NULL; e = step_back(life, e))
	{
		CHECK_FOR_INTERRUPTS();
		if ((uint64) e->leaf_index < life->old_size && !cc_kind_is_row(e->head.kind))
			break;
		chain = lcons(e, chain);
		if ((uint64) e->leaf_index < life->old_size)
			break;
	}
	return chain;
}

/* What has to stand between two entries */

static bool
is_later(const CustodyLifeEntry *a, const CustodyLifeEntry *b)
{
	return a->leaf_index > b->leaf_index ||
		(a->leaf_index == b->leaf_index && a->entry_no > b->entry_no);
}

/* Schema versions of the table between two entries. */
static List *
schemas_between(RowLife *life, const CustodyLifeEntry *a, const CustodyLifeEntry *b)
{
	CustodyPast *past = custody_past_begin_at(life->layouts,
											  bms_make_singleton((int) a->head.relation),
											  a->leaf_index, life->snapshot);
	CustodyPastEntry *entry;
	List	   *result = NIL;

	while ((entry = custody_past_next(past)) != NULL && entry->leaf_index >= 0)
	{
		CustodyLifeEntry here = {0};

		here.leaf_index = entry->leaf_index;
		here.entry_no = entry->entry_no;
		if (!is_later(b, &here))
			break;
		if (entry->head.kind == CC_KIND_SCHEMA && entry->layout != NULL &&
			entry->layout->leaf == a->layout->leaf &&
			entry->layout->version != b->layout->version && is_later(&here, a))
			result = lappend(result, copy_entry(life, past, entry));
	}
	custody_past_end(past);
	return result;
}

/* Erased entries before b, and after a unless that is NULL. */
static List *
erased_between(RowLife *life, const CustodyLifeEntry *a, const CustodyLifeEntry *b)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, life->erased)
	{
		CustodyLifeEntry *e = lfirst(lc);

		if (is_later(b, e) && (a == NULL || is_later(e, a)) &&
			(uint64) e->leaf_index >= life->old_size &&
			(result == NIL || is_later(e, llast(result))))
			result = lappend(result, e);
	}
	return result;
}

/* Does b follow from a, maybe through schema versions? */
static bool
follows(RowLife *life, const CustodyLifeEntry *a, const CustodyLifeEntry *b, List **between)
{
	if (b->head.kind == CC_KIND_INSERT)
		return a == NULL || !has_row(a) || !a->of_key;
	if (!cc_kind_has_overwritten(b->head.kind))
		return true;
	if (a == NULL)
		return (uint64) b->leaf_index < life->old_size;
	if (!has_row(a))
		return false;
	if (overwrote(b, a, NIL))
		return true;
	*between = schemas_between(life, a, b);
	if (*between != NIL && overwrote(b, a, *between))
		return true;
	*between = NIL;
	return false;
}

List *
custody_rowlife(Oid relid, Jsonb *key, uint64 size, uint64 old_size,
				Snapshot snapshot, bool *unsealed)
{
	RowLife		life = {0};
	CustodyLifeEntry *before = NULL;
	List	   *result = NIL;
	ListCell   *lc;

	life.relid = relid;
	life.size = size;
	life.old_size = old_size;
	life.snapshot = snapshot;
	foreach(lc, follow_back(&life, key))
	{
		CustodyLifeEntry *e = lfirst(lc);
		List	   *between = NIL;

		if (!follows(&life, before, e, &between))
		{
			between = erased_between(&life, before, e);
			e->show_overwritten = between == NIL && before != NULL;
		}
		else
			e->show_overwritten = before != NULL;
		result = lappend(list_concat(result, between), e);
		before = e;
	}
	*unsealed = life.unsealed;
	return result;
}
