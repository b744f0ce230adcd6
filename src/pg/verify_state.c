/*
 * verify_state.c
 *	  What the ledger says of each row, and each row as it is, into one sort.
 *
 * Every row-level entry gives a record under the digest of its row key: the
 * row is, with this digest, or is gone.  Every live row gives one, too.  Sorted
 * by key and place, all that concerns one row comes together, whatever the
 * size of the ledger; the sort spills to disk beyond maintenance_work_mem,
 * which a hot standby allows as well.
 *
 * Memory: what is kept per table is in the run's context; per row in scratch.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/compat.h"
#include "pg/verify_state.h"

/* Bytes of the sort key as stored. */
#define KEY_BYTES (2 + CC_DIGEST_SIZE + 4 + 4 + 2 + 8 + 8)
#define REST_BYTES (1 + 1 + 4 + 8 + 4 + CC_DIGEST_SIZE + CC_DIGEST_SIZE)
#define RECORD_BYTES (KEY_BYTES + REST_BYTES)	/* the overwritten row may be left out */

/* Sorting */

Tuplesortstate *
custody_state_sort_begin(int memory, SortCoordinate coordinate)
{
	return tuplesort_begin_datum(BYTEAOID, ByteaLessOperator, InvalidOid, false,
								 memory, coordinate, TUPLESORT_NONE);
}

/* Big-endian, so that bytea's order is the record's. */
void
custody_state_put(Tuplesortstate *sort, const CustodyStateRecord *r)
{
	char		buffer[VARHDRSZ + RECORD_BYTES] pg_attribute_aligned(8);
	cc_writer	w;

	cc_writer_init(&w, buffer + VARHDRSZ, RECORD_BYTES);
	cc_write_u16(&w, r->table);
	cc_write_raw(&w, r->key, CC_DIGEST_SIZE);
	cc_write_u32(&w, r->relation_id);
	cc_write_u32(&w, r->leaf);
	cc_write_u16(&w, r->era);
	cc_write_u64(&w, r->position);
	cc_write_u64(&w, r->entry_no);
	cc_write_u8(&w, r->what);
	cc_write_u8(&w, r->flags);
	cc_write_u32(&w, r->version);
	cc_write_u64(&w, (uint64) r->txn_no);
	cc_write_u32(&w, r->count);
	cc_write_raw(&w, r->digest, CC_DIGEST_SIZE);
	if (r->flags & CUSTODY_STATE_OVERWRITTEN)
		cc_write_raw(&w, r->overwritten, CC_DIGEST_SIZE);
	Assert(w.status == CC_OK);
	SET_VARSIZE(buffer, VARHDRSZ + w.len);
	tuplesort_putdatum(sort, PointerGetDatum(buffer), false);
}

bool
custody_state_get(Tuplesortstate *sort, CustodyStateRecord *r)
{
	Datum		datum;
	bool		isnull;
	cc_reader	in;

	if (!custody_compat_getdatum(sort, &datum, &isnull))
		return false;
	cc_reader_init(&in, VARDATA_ANY(DatumGetPointer(datum)),
				   VARSIZE_ANY_EXHDR(DatumGetPointer(datum)));
	r->table = cc_read_u16(&in);
	memcpy(r->key, cc_read_raw(&in, CC_DIGEST_SIZE).data, CC_DIGEST_SIZE);
	r->relation_id = cc_read_u32(&in);
	r->leaf = cc_read_u32(&in);
	r->era = cc_read_u16(&in);
	r->position = cc_read_u64(&in);
	r->entry_no = cc_read_u64(&in);
	r->what = cc_read_u8(&in);
	r->flags = cc_read_u8(&in);
	r->version = cc_read_u32(&in);
	r->txn_no = (int64) cc_read_u64(&in);
	r->count = cc_read_u32(&in);
	memcpy(r->digest, cc_read_raw(&in, CC_DIGEST_SIZE).data, CC_DIGEST_SIZE);
	if (r->flags & CUSTODY_STATE_OVERWRITTEN)
		memcpy(r->overwritten, cc_read_raw(&in, CC_DIGEST_SIZE).data, CC_DIGEST_SIZE);
	pfree(DatumGetPointer(datum));
	return true;
}

/* Wipes */

static void
add_wipe(CustodyVerify *v, CustodyLeafState *leaf)
{
	if (leaf->nwipes == leaf->max_wipes)
	{
		leaf->max_wipes = Max(leaf->max_wipes * 2, 4);
		leaf->wipes = leaf->wipes == NULL ?
			MemoryContextAlloc(v->context, leaf->max_wipes * sizeof(CustodyWipe)) :
			repalloc(leaf->wipes, leaf->max_wipes * sizeof(CustodyWipe));
	}
	leaf->wipes[leaf->nwipes].position = (uint64) v->place.position;
	leaf->wipes[leaf->nwipes].entry_no = (uint64) v->place.entry_no;
	leaf->nwipes++;
}

/* Entries */

/* The key of a redacted private part, if it is open. */
static bool
redacted_key(const cc_schema *s, cc_slice bytes, cc_value *key)
{
	cc_reader	r;

	cc_reader_init(&r, bytes.data, bytes.len);
	if (cc_read_u8(&r) != CC_PRIVATE_REDACTED || cc_read_u8(&r) != 1)
		return false;
	(void) cc_read_raw(&r, CC_SALT_SIZE);
	for (int i = 0; i < cc_schema_key_count(s); i++)
		cc_read_value(&r, &key[i]);
	return r.status == CC_OK;
}

/* Fill in what all records of an entry share. */
static void
start_record(CustodyVerify *v, CustodyStateRecord *r, const cc_entry *e,
			 CustodyLeafState *leaf, const CustodyVerifyVersion *version)
{
	memset(r, 0, sizeof(*r));
	r->table = leaf->number;
	r->relation_id = e->relation;
	r->leaf = version->leaf;
	r->position = (uint64) v->place.position;
	r->entry_no = (uint64) v->place.entry_no;
	if (v->ahead)
		r->flags |= CUSTODY_STATE_AHEAD;	/* of the first era: one_key */
	else if (leaf->last_version != version->version || leaf->neras == 0)
		r->era = custody_state_era(v, leaf, &version->schema, version->version,
						r->position, r->entry_no);
	else
		r->era = (uint16) (leaf->neras - 1);
	if (!v->ahead)
		leaf->last_version = version->version;
	r->version = version->version;
	r->txn_no = v->place.txn_no;
	r->count = 1;
	if (v->place.leaf_index >= 0)
		r->flags |= CUSTODY_STATE_SEALED;
}

/* An entry whose values are all at hand. */
static void
put_whole(CustodyVerify *v, CustodyStateRecord *r, const cc_entry *e, const cc_schema *s)
{
	const cc_private *p = &v->private_part;
	uint16_t	k = cc_schema_key_count(s);

	if (cc_kind_has_overwritten(e->kind))
	{
		memcpy(r->overwritten, p->row_digest, CC_DIGEST_SIZE);
		r->flags |= CUSTODY_STATE_OVERWRITTEN;
	}
	if (e->flags & CC_ENTRY_KEY_CHANGED)
	{
		CustodyStateRecord gone = *r;

		gone.what = CUSTODY_STATE_GONE;
		cc_key_digest(gone.key, e->relation, p->old_key, NULL, k);
		custody_state_put(v->state->sort, &gone);
		r->flags &= ~CUSTODY_STATE_OVERWRITTEN;
		r->what = CUSTODY_STATE_NEW;
	}
	if (cc_kind_has_row(e->kind))
	{
		cc_key_digest(r->key, e->relation, p->values, cc_schema_key_positions(s), k);
		cc_row_digest(r->digest, p->values, s->ncolumns);
		r->flags |= CUSTODY_STATE_DIGEST;
	}
	else
		cc_key_digest(r->key, e->relation, p->values, NULL, k);
	custody_state_put(v->state->sort, r);
}

static uint8
what_of(const cc_entry *e)
{
	switch (e->kind)
	{
		case CC_KIND_DELETE:
			return CUSTODY_STATE_GONE;
		case CC_KIND_UPDATE:
			return CUSTODY_STATE_IS;
		default:
			return CUSTODY_STATE_NEW;
	}
}

void
custody_verify_state_entry(CustodyVerify *v, const cc_entry *e,
						   const CustodyVerifyVersion *version, cc_slice private_bytes)
{
	CustodyRelationState *relation = custody_state_relation(v, e->relation);
	CustodyLeafState *leaf;
	CustodyStateRecord r;

	if (relation == NULL)
		return;
	leaf = custody_state_leaf(v, e->relation, version->leaf);
	if (leaf->settled || custody_verify_sets_settled(v))
		return;
	if (e->kind == CC_KIND_TRUNCATE || e->kind == CC_KIND_DETACH)
		add_wipe(v, leaf);
	if (!cc_kind_is_row(e->kind))
		return;
	start_record(v, &r, e, leaf, version);
	r.what = what_of(e);
	if (e->kind == CC_KIND_BASELINE)
		r.flags |= CUSTODY_STATE_BASELINE;
	if (v->private_part.form == CC_PRIVATE_WHOLE)
		put_whole(v, &r, e, &version->schema);
	else if ((e->flags & CC_ENTRY_KEY_CHANGED) == 0 &&
			 redacted_key(&version->schema, private_bytes, v->private_part.values))
	{
		cc_key_digest(r.key, e->relation, v->private_part.values, NULL,
					  cc_schema_key_count(&version->schema));
		custody_state_put(v->state->sort, &r);
	}
	else
		relation->unplaced++;
}

/* Live rows */

/*
 * Does the newest version of the table have its present layout?  An older one
 * will not do: the ledger has to say that the layout came back.
 */
static bool
layout_recorded(CustodyVerify *v, const CustodyLeafState *leaf)
{
	HASH_SEQ_STATUS seq;
	CustodyVerifyVersion *version;
	CustodyVerifyVersion *newest = NULL;

	hash_seq_init(&seq, v->versions);
	while ((version = hash_seq_search(&seq)) != NULL)
		if (version->announced && version->readable &&
			version->relation_id == leaf->id.relation_id &&
			version->leaf == leaf->id.leaf &&
			(newest == NULL || version->version > newest->version))
			newest = version;
	return newest != NULL && custody_rows_same_layout(&newest->schema, &leaf->layout);
}

void
custody_state_open(CustodyVerify *v, const CustodyRelationState *relation, CustodyLeafState *leaf)
{
	CustodyVerifyVersion present;
	bytea	   *definition;

	if (leaf->live)
		return;
	leaf->rel = table_open(leaf->id.leaf, NoLock);
	leaf->live = true;
	definition = custody_schema_define(leaf->rel, relation->protection);
	if (!custody_verify_decode_version(&present, VARDATA_ANY(definition),
									   VARSIZE_ANY_EXHDR(definition)))
		elog(ERROR, "definition of table \"%s\" is not canonical",
			 RelationGetRelationName(leaf->rel));
	leaf->layout = present.schema;
	leaf->renderer = custody_schema_renderer(leaf->rel, relation->protection);
	leaf->slot = table_slot_create(leaf->rel, NULL);
}

static void
check_layout(CustodyVerify *v, const CustodyRelationState *relation, const CustodyLeafState *leaf)
{
	if (!layout_recorded(v, leaf))
		custody_verify_tampering(v, "schema_changed", custody_verify_relname(relation->protection->relid),
								 CUSTODY_NO_LEAF, NULL,
								 "the columns of table %s are not those of its last recorded schema version",
								 custody_verify_relname(leaf->id.leaf));
}

void
custody_state_live(CustodyVerify *v, CustodyLeafState *leaf, cc_value *values)
{
	const cc_schema *s = &leaf->layout;
	ItemPointer tid = &leaf->slot->tts_tid;
	CustodyStateRecord r;

	memset(&r, 0, sizeof(r));
	r.table = leaf->number;
	r.relation_id = leaf->id.relation_id;
	r.leaf = leaf->id.leaf;
	r.era = CUSTODY_LAST_ERA;
	cc_key_digest(r.key, r.relation_id, values, cc_schema_key_positions(s),
				  cc_schema_key_count(s));
	cc_row_digest(r.digest, values, s->ncolumns);
	r.position = PG_UINT64_MAX;
	r.entry_no = ((uint64) ItemPointerGetBlockNumber(tid) << 16) | ItemPointerGetOffsetNumber(tid);
	r.what = CUSTODY_STATE_LIVE;
	r.flags = CUSTODY_STATE_DIGEST;
	r.count = 1;
	custody_state_put(v->state->sort, &r);
	custody_verify_sets_live(v, leaf, r.digest);
}

static void
scan_rows(CustodyVerify *v, CustodyLeafState *leaf, TableScanDesc scan, CustodyLiveRow row)
{
	cc_value   *values = palloc((leaf->layout.ncolumns + 1) * sizeof(cc_value));
	MemoryContext old = CurrentMemoryContext;

	while (table_scan_getnextslot(scan, ForwardScanDirection, leaf->slot))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(v->scratch);
		MemoryContextSwitchTo(v->scratch);
		custody_rows_render(v, leaf, values);
		row(v, leaf, values);
		MemoryContextSwitchTo(old);
	}
	pfree(values);
}

void
custody_state_scan(CustodyVerify *v, CustodyLeafState *leaf, CustodyLiveRow row)
{
	TableScanDesc scan = leaf->shared_scan != NULL ?
		table_beginscan_parallel(leaf->rel, leaf->shared_scan) :
		table_beginscan(leaf->rel, v->snapshot, 0, NULL);
	CustodySettings saved;

	custody_canonical_begin(&saved, custody_canonical_needs_full(leaf->renderer));
	PG_TRY();
	{
		scan_rows(v, leaf, scan, row);
	}
	PG_FINALLY();
	{
		custody_canonical_end(&saved);
	}
	PG_END_TRY();
	ExecClearTuple(leaf->slot);
	table_endscan(scan);
}

static void
scan_relation(CustodyVerify *v, CustodyRelationState *relation)
{
	Oid			relid = relation->protection->relid;
	ListCell   *lc;

	/* Without its entry, which is reported, it has no entries at all. */
	if (!custody_verify_announced(v, relation->relation_id))
		return;
	if (!relation->present)
	{
		custody_verify_tampering(v, "relation_missing", NULL, CUSTODY_NO_LEAF, NULL,
								 "protected table %u of protection %u does not exist",
								 relid, relation->relation_id);
		return;
	}
	foreach(lc, custody_schema_leaves(relid, NoLock))
	{
		CustodyLeafState *leaf = custody_state_leaf(v, relation->relation_id, lfirst_oid(lc));

		custody_state_open(v, relation, leaf);
		check_layout(v, relation, leaf);
		if (leaf->settled)
			continue;
		leaf->judged = true;
		(void) custody_state_era(v, leaf, &leaf->layout, PG_UINT32_MAX, v->state->beyond, 0);
		if (leaf->read_ahead)
			continue;
		if (custody_verify_sets_compared(v))
			custody_verify_sets_want(v, leaf);
		custody_state_scan(v, leaf, custody_state_live);
	}
}

/* Together */

void
custody_verify_state_init(CustodyVerify *v)
{
	HASHCTL		ctl = {0};
	ListCell   *lc;

	v->state = palloc0(sizeof(CustodyVerifyState));
	v->state->beyond = PG_INT64_MAX;
	ctl.hcxt = v->context;
	ctl.keysize = sizeof(uint32);
	ctl.entrysize = sizeof(CustodyRelationState);
	v->state->relations = hash_create("custody relation states", 64, &ctl,
									  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ctl.keysize = sizeof(((CustodyLeafState *) NULL)->id);
	ctl.entrysize = sizeof(CustodyLeafState);
	v->state->leaves = hash_create("custody leaf states", 64, &ctl,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(lc, v->protections)
	{
		CustodyProtection *p = lfirst(lc);
		CustodyRelationState *relation;

		if (p->released || (OidIsValid(v->relation) && p->relid != v->relation))
			continue;
		relation = hash_search(v->state->relations, &p->relation_id, HASH_ENTER, NULL);
		relation->protection = p;
		relation->present = custody_verify_is_table(p->relid);
		relation->unplaced = 0;
	}
	custody_tables_number(v);
}

void
custody_state_close(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	CustodyLeafState *leaf;

	hash_seq_init(&seq, v->state->leaves);
	while ((leaf = hash_seq_search(&seq)) != NULL)
	{
		if (!leaf->live)
			continue;
		ExecDropSingleTupleTableSlot(leaf->slot);
		table_close(leaf->rel, NoLock);
	}
}

void
custody_verify_state(CustodyVerify *v)
{
	ListCell   *lc;

	custody_tables_begin_eras(v);
	foreach(lc, v->protections)
	{
		CustodyProtection *p = lfirst(lc);
		CustodyRelationState *relation = custody_state_relation(v, p->relation_id);

		if (relation != NULL)
			scan_relation(v, relation);
	}
	custody_verify_merge(v);
	custody_verify_sets_confirm(v);
	custody_state_close(v);
}
