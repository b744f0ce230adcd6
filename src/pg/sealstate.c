/*
 * sealstate.c
 *	  Set hashes of tables, carried on by what a block seals.
 *
 * Each entry says which row came and which one, as it really was, went.  A set
 * is known as long as all entries of its table are; one is not known any more
 * after an entry without values and after a change of the columns, which makes
 * the digests of older rows another thing, unless the table is empty then.
 * Truncating makes it known again.
 *
 * What is stored must be what the header of the last block says: a set that
 * somebody altered must not get into the next one.  Where it is not, no table is
 * known any more.
 *
 * Who may call: the holder of the sealing lock, in the transaction that writes
 * the block.  Memory: a context for the batch, one per transaction, and the
 * group of rows that are netted.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/heapam.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/reader.h"
#include "pg/tablestate.h"

/* A schema version, and the set of the table whose rows it describes. */
typedef struct KnownVersion
{
	uint32		version;		/* hash key */
	CustodyVersion *layout;
	CustodyTableSet *set;
} KnownVersion;

typedef struct Sealing
{
	CustodyTableState *state;
	CustodyRowNet *net;
	HTAB	   *versions;
	List	   *begun;			/* protections that begin in this block */
	List	   *dropped;		/* rows of log_state, by version */
	cc_private	room;
} Sealing;

/* Sets */

static bool
same_slice(cc_slice a, cc_slice b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static bool
same_table(const CustodyVersion *a, const CustodyVersion *b)
{
	return a->leaf == b->leaf ||
		(same_slice(a->schema.leaf_schema, b->schema.leaf_schema) &&
		 same_slice(a->schema.leaf_table, b->schema.leaf_table));
}

/* The set of a table under whatever version, or NULL. */
static CustodyTableSet *
find_table(Sealing *s, const CustodyVersion *layout)
{
	ListCell   *lc;

	foreach(lc, s->state->sets)
	{
		CustodyTableSet *set = lfirst(lc);

		if (set->relation_id == layout->relation_id && set->layout != NULL &&
			same_table(set->layout, layout))
			return set;
	}
	return NULL;
}

static CustodyTableSet *
new_set(Sealing *s, CustodyVersion *layout)
{
	CustodyTableSet *set = MemoryContextAllocZero(s->state->context, sizeof(CustodyTableSet));
	MemoryContext old = MemoryContextSwitchTo(s->state->context);

	set->version = layout->version;
	set->relation_id = layout->relation_id;
	set->layout = layout;
	set->known = !s->state->lost || list_member_int(s->begun, (int) layout->relation_id);
	set->changed = true;
	s->state->sets = lappend(s->state->sets, set);
	MemoryContextSwitchTo(old);
	return set;
}

/*
 * Is it the same table in all but its name or, restored from a dump, its OID?
 * A version that differs in neither is one whose columns were made again.
 */
static bool
goes_on(const CustodyVersion *from, const CustodyVersion *to)
{
	const cc_schema *a = &from->schema;
	const cc_schema *b = &to->schema;

	if (from == to || (from->leaf == to->leaf && memcmp(a->digest, b->digest, CC_DIGEST_SIZE) == 0) ||
		a->ncolumns != b->ncolumns || a->key_kind != b->key_kind || a->nkeys != b->nkeys ||
		memcmp(a->key_positions, b->key_positions, a->nkeys * sizeof(uint16_t)) != 0)
		return false;
	for (int i = 0; i < a->ncolumns; i++)
		if (!same_slice(a->columns[i].name, b->columns[i].name) ||
			!same_slice(a->columns[i].type, b->columns[i].type) ||
			a->columns[i].flags != b->columns[i].flags ||
			!cc_value_equal(&a->columns[i].missing, &b->columns[i].missing))
			return false;
	return true;
}

/* The set may go on only if it has no row under what was before. */
static void
doubt(Sealing *s, CustodyTableSet *set, const CustodyVersion *to)
{
	custody_rownet_flush(s->net);
	if (!set->known || cc_set_is_empty(&set->set) || goes_on(set->layout, to))
		return;
	set->known = false;
	set->changed = true;
	cc_set_init(&set->set);
}

/*
 * The set that an entry under a version is about; NULL: that cannot be told.
 * Switched: it was under another one.
 */
static CustodyTableSet *
find_set(Sealing *s, uint32 number, bool *switched)
{
	bool		found;
	KnownVersion *v = hash_search(s->versions, &number, HASH_ENTER, &found);

	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(s->state->context);

		v->layout = custody_schema_load(number, s->state->snapshot, true);
		v->set = v->layout ? find_table(s, v->layout) : NULL;
		MemoryContextSwitchTo(old);
	}
	if (v->layout == NULL)
		return NULL;
	if (v->set == NULL)
	{
		v->set = new_set(s, v->layout);
		*switched = true;
	}
	if (v->set->version != number)
	{
		*switched = true;
		doubt(s, v->set, v->layout);
		v->set->version = number;
		v->set->layout = v->layout;
		v->set->changed = true;
	}
	return v->set;
}

/* Nothing is known any more. */
static void
lose_all(Sealing *s)
{
	ListCell   *lc;

	custody_rownet_flush(s->net);
	s->state->lost = true;
	foreach(lc, s->state->sets)
	{
		CustodyTableSet *set = lfirst(lc);

		set->changed |= set->known;
		set->known = false;
		cc_set_init(&set->set);
	}
}

/* A protection ended: its sets go. */
static void
drop_sets(Sealing *s, uint32 relation_id)
{
	MemoryContext old = MemoryContextSwitchTo(s->state->context);
	HASH_SEQ_STATUS seq;
	KnownVersion *v;
	ListCell   *lc;

	custody_rownet_flush(s->net);
	foreach(lc, s->state->sets)
	{
		CustodyTableSet *set = lfirst(lc);

		if (set->relation_id != relation_id)
			continue;
		if (set->stored != 0)
			s->dropped = lappend_int(s->dropped, (int) set->stored);
		s->state->sets = foreach_delete_current(s->state->sets, lc);
	}
	hash_seq_init(&seq, s->versions);
	while ((v = hash_seq_search(&seq)) != NULL)
		if (v->layout != NULL && v->layout->relation_id == relation_id)
			v->set = NULL;
	MemoryContextSwitchTo(old);
}

static void
begin_protection(Sealing *s, uint32 relation_id)
{
	MemoryContext old = MemoryContextSwitchTo(s->state->context);

	s->begun = list_append_unique_int(s->begun, (int) relation_id);
	MemoryContextSwitchTo(old);
}

/* Entries */

static void
row_entry(Sealing *s, CustodyTableSet *set, const CustodyEntryWalk *walk)
{
	const cc_entry *e = &walk->head;
	const cc_schema *schema = &set->layout->schema;

	if (!set->known)
		return;
	if (cc_private_decode(&s->room, e, schema, walk->private_part.data,
						  walk->private_part.len) != CC_OK ||
		s->room.form != CC_PRIVATE_WHOLE)
	{
		custody_rownet_flush(s->net);
		set->known = false;
		set->changed = true;
		cc_set_init(&set->set);
		return;
	}
	set->changed = true;
	if (cc_kind_has_overwritten(e->kind))
		custody_rownet_add(s->net, &set->set, e->relation, s->room.row_digest, -1);
	if (cc_kind_has_row(e->kind))
	{
		uint8		digest[CC_DIGEST_SIZE];

		cc_row_digest(digest, s->room.values, schema->ncolumns);
		custody_rownet_add(s->net, &set->set, e->relation, digest, 1);
	}
}

static void
wipe(Sealing *s, CustodyTableSet *set)
{
	custody_rownet_flush(s->net);
	cc_set_init(&set->set);
	set->known = true;
	set->changed = true;
}

static void
apply_entry(Sealing *s, const CustodyEntryWalk *walk)
{
	const cc_entry *e = &walk->head;
	bool		about_rows = cc_kind_is_row(e->kind) || e->kind == CC_KIND_TRUNCATE ||
		e->kind == CC_KIND_DETACH || e->kind == CC_KIND_SCHEMA;
	CustodyTableSet *set;
	bool		switched = false;

	set = about_rows ? find_set(s, e->version, &switched) : NULL;

	if (e->kind == CC_KIND_PROTECT)
		begin_protection(s, e->relation);
	else if (e->kind == CC_KIND_UNPROTECT)
		drop_sets(s, e->relation);
	else if (!about_rows)
		return;
	else if (set == NULL || set->relation_id != e->relation)
		lose_all(s);
	else if (e->kind == CC_KIND_SCHEMA)
	{
		if (!switched)
			doubt(s, set, set->layout);
	}
	else if (cc_kind_is_row(e->kind))
		row_entry(s, set, walk);
	else
		wipe(s, set);
}

static void
append_event(Sealing *s, int64 leaf_index)
{
	Datum		values[Anum_event_chain];
	bool		nulls[Anum_event_chain] = {0};

	cc_state_event(s->state->events, (uint64) leaf_index);
	values[Anum_event_leaf_index - 1] = Int64GetDatum(leaf_index);
	values[Anum_event_chain - 1] =
		PointerGetDatum(custody_catalog_bytea(s->state->events, CC_DIGEST_SIZE));
	custody_catalog_insert(CUSTODY_LOG_EVENT, values, nulls);
}

static void
apply_transaction(Sealing *s, const CustodyPicked *picked, int64 leaf_index)
{
	CustodyTransactionRow row;
	CustodyEntryWalk walk;
	bool		event = false;

	if (!custody_picked_row(picked, s->state->snapshot, &row))
		return;
	custody_reader_walk_row(&walk, row.txn_no, &row, s->state->snapshot);
	walk.heads_only = true;
	while (custody_reader_walk_next(&walk))
	{
		if (walk.first_in_chunk)
			CHECK_FOR_INTERRUPTS();
		event |= custody_tablestate_is_event(walk.head.kind);
		apply_entry(s, &walk);
	}
	if (walk.damaged)
		lose_all(s);
	custody_reader_walk_end(&walk);
	if (event)
		append_event(s, leaf_index);
}

/* Storing */

static void
delete_row(Sealing *s, uint32 version)
{
	Relation	rel = table_open(custody_catalog_relid(CUSTODY_LOG_STATE), RowExclusiveLock);
	ScanKeyData key;
	CustodyScan scan;

	custody_catalog_key_int4(&key, Anum_state_version, BTEqualStrategyNumber, (int32) version);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_STATE, CUSTODY_STATE_PKEY, s->state->snapshot,
							   ForwardScanDirection, 1, &key);
	while (custody_catalog_scan_next(&scan))
		simple_heap_delete(rel, &scan.tuple->t_self);
	custody_catalog_scan_end(&scan);
	table_close(rel, NoLock);
}

static void
insert_row(uint32 version, uint32 relation_id, const cc_set *set)
{
	Datum		values[Anum_state_row_set] = {0};
	bool		nulls[Anum_state_row_set] = {0};

	values[Anum_state_version - 1] = UInt32GetDatum(version);
	values[Anum_state_relation_id - 1] = UInt32GetDatum(relation_id);
	nulls[Anum_state_row_set - 1] = set == NULL;
	if (set != NULL)
	{
		bytea	   *bytes = custody_catalog_bytea(NULL, CC_SET_BYTES);

		cc_set_store(set, (uint8 *) VARDATA(bytes));
		values[Anum_state_row_set - 1] = PointerGetDatum(bytes);
	}
	custody_catalog_insert(CUSTODY_LOG_STATE, values, nulls);
}

/* A row is replaced: rows that are superseded prove nothing. */
static void
store(Sealing *s)
{
	ListCell   *lc;

	foreach(lc, s->dropped)
		delete_row(s, (uint32) lfirst_int(lc));
	foreach(lc, s->state->sets)
	{
		CustodyTableSet *set = lfirst(lc);

		if (set->changed && set->stored != 0)
			delete_row(s, set->stored);
	}
	foreach(lc, s->state->sets)
	{
		CustodyTableSet *set = lfirst(lc);

		if (set->changed)
			insert_row(set->version, set->relation_id, set->known ? &set->set : NULL);
	}
	if (s->state->lost && !s->state->lost_stored)
		insert_row(0, 0, NULL);
}

/* Together */

/* Is what is stored what the last block says? */
static bool
is_confirmed(CustodyTableState *state, const CustodyBlock *last)
{
	uint8		digest[CC_DIGEST_SIZE];
	ListCell   *lc;

	if (!last->exists)
		return state->sets == NIL && !state->lost;
	foreach(lc, state->sets)
		if (((CustodyTableSet *) lfirst(lc))->layout == NULL)
			return false;
	custody_tablestate_digest(state, digest);
	return state->sound && last->has_state &&
		memcmp(digest, last->state, CC_DIGEST_SIZE) == 0;
}

static void
begin(Sealing *s, const CustodyBlock *last, Snapshot snapshot)
{
	HASHCTL		ctl = {0};

	memset(s, 0, sizeof(*s));
	s->state = custody_tablestate_load(snapshot);
	s->net = custody_rownet_begin();
	ctl.keysize = sizeof(uint32);
	ctl.entrysize = sizeof(KnownVersion);
	ctl.hcxt = CurrentMemoryContext;
	s->versions = hash_create("custody sealed versions", 64, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	s->room.values = palloc(CC_MAX_COLUMNS * sizeof(cc_value));
	s->room.old_key = palloc(CC_MAX_COLUMNS * sizeof(cc_value));
	s->room.values_capacity = CC_MAX_COLUMNS;
	if (!is_confirmed(s->state, last))
		lose_all(s);
}

void
custody_tablestate_seal(const CustodyBlock *last, const CustodyBatch *batch,
						Snapshot snapshot, uint8 out[CC_DIGEST_SIZE])
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_custody table state",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MemoryContext each = AllocSetContextCreate(context, "pg_custody transaction",
											   ALLOCSET_DEFAULT_SIZES);
	Sealing		s;

	begin(&s, last, snapshot);
	for (Size i = 0; i < batch->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(each);
		apply_transaction(&s, &batch->items[i], (int64) (last->head.size + 1 + i));
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(context);
	custody_rownet_flush(s.net);
	store(&s);
	custody_tablestate_digest(s.state, out);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
