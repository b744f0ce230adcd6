/*
 * capture.c
 *	  From rows to entries: the triggers of protected tables.
 *
 * The row trigger runs AFTER each row and ENABLE ALWAYS, so it sees what
 * BEFORE triggers, rules, cascades and replication made of the row.  Whatever
 * fails here aborts the change: no change commits without its entry.
 *
 * Memory: a context per row, reset after it; a nested call (an output
 * function that changes a protected table) makes its own.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/append.h"
#include "pg/capture.h"
#include "pg/contents.h"
#include "pg/error.h"
#include "pg/order.h"
#include "pg/relstate.h"
#include "pg/xact.h"

/* Row secrets are drawn in bulk: a call costs as much for many as for one. */
#define SECRETS_PER_DRAW 64

static uint8 secrets[SECRETS_PER_DRAW][CC_SECRET_SIZE];
static int	secrets_left = 0;

static MemoryContext row_context = NULL;
static int	row_depth = 0;

/*
 * First halves of moves to another partition whose second half is to come.
 * More than one only where triggers move rows while a row moves; a forgotten
 * one costs a remark in the history.
 */
#define MAX_PENDING_MOVES 8

typedef struct PendingMove
{
	uint32		relation_id;	/* 0 = free */
	uint32		version;
	int64		key;			/* lookup number */
	TransactionId xid;
} PendingMove;

static PendingMove pending_moves[MAX_PENDING_MOVES];
static int	next_pending_move = 0;

/* One row-level change on its way to becoming an entry. */
typedef struct RowChange
{
	CustodyRelState *state;
	cc_stored	entry;
	uint16		ncolumns;
	uint16		nkeys;
	const uint16_t *key_positions;	/* NULL = whole row */
	cc_value   *row;			/* after the change; NULL for delete */
	cc_value   *old_row;		/* before the change; NULL for insert */
	uint8		secret[CC_SECRET_SIZE];
} RowChange;

static void settle_contents(void);

static void
draw_secret(uint8 secret[CC_SECRET_SIZE])
{
	if (secrets_left == 0)
	{
		custody_check_crypto(cc_random(secrets, sizeof(secrets)),
							 "draw random bytes");
		secrets_left = SECRETS_PER_DRAW;
	}
	secrets_left--;
	memcpy(secret, secrets[secrets_left], CC_SECRET_SIZE);
	cc_wipe(secrets[secrets_left], CC_SECRET_SIZE);
}

static void
render(RowChange *change, TupleTableSlot *new_slot, TupleTableSlot *old_slot)
{
	CustodyRenderer *r = change->state->renderer;

	if (new_slot != NULL)
	{
		change->row = palloc(change->ncolumns * sizeof(cc_value));
		custody_canonical_render(r, new_slot, change->row);
	}
	if (old_slot == NULL)
		return;
	change->old_row = palloc(change->ncolumns * sizeof(cc_value));
	if (new_slot != NULL)
		custody_canonical_render_replaced(r, old_slot, change->old_row,
										  new_slot, change->row);
	else
		custody_canonical_render(r, old_slot, change->old_row);
}

/* What output functions do may fail, and must not leave our settings behind. */
static void
render_with_settings(RowChange *change, TupleTableSlot *new_slot,
					 TupleTableSlot *old_slot)
{
	CustodySettings saved;

	custody_canonical_begin(&saved,
							custody_canonical_needs_full(change->state->renderer));
	PG_TRY();
	{
		render(change, new_slot, old_slot);
	}
	PG_FINALLY();
	{
		custody_canonical_end(&saved);
	}
	PG_END_TRY();
}

/* Large objects of the rows; an old one may have lost its own by now. */
static void
render_contents(RowChange *change, Relation leaf, TupleTableSlot *new_slot,
				TupleTableSlot *old_slot)
{
	CustodyRenderer *r = change->state->renderer;

	if (custody_canonical_contents(r) == 0)
		return;
	custody_xact_settle_hook = settle_contents;
	if (old_slot != NULL)
		custody_contents_render_replaced(leaf, r, old_slot, change->old_row);
	if (new_slot != NULL)
		custody_contents_render(leaf, r, new_slot, change->row);
}

static const cc_value *
key_value(const RowChange *change, const cc_value *row, int i)
{
	return &row[change->key_positions ? change->key_positions[i] : i];
}

static bool
key_changed(const RowChange *change)
{
	for (int i = 0; i < change->nkeys; i++)
		if (!cc_value_equal(key_value(change, change->row, i),
							key_value(change, change->old_row, i)))
			return true;
	return false;
}

static size_t
values_bound(const cc_value *row, int n)
{
	size_t		total = 0;

	for (int i = 0; i < n; i++)
		total += 2 * CC_VARINT_MAX + CC_DIGEST_SIZE +
			(row[i].form == CC_VALUE_SHORT || row[i].form == CC_VALUE_LONG ?
			 row[i].len : 0);
	return total;
}

static void
write_key(cc_writer *w, const RowChange *change, const cc_value *row)
{
	for (int i = 0; i < change->nkeys; i++)
		cc_write_value(w, key_value(change, row, i));
}

/* Section 4.1: secret, stored values, digest of the row overwritten. */
static void
write_private(cc_writer *w, const RowChange *change)
{
	uint8		digest[CC_DIGEST_SIZE];

	cc_write_u8(w, CC_PRIVATE_WHOLE);
	cc_write_raw(w, change->secret, CC_SECRET_SIZE);
	if (change->row != NULL)
		for (int i = 0; i < change->ncolumns; i++)
			cc_write_value(w, &change->row[i]);
	else
		write_key(w, change, change->old_row);
	if (change->entry.flags & CC_ENTRY_KEY_CHANGED)
		write_key(w, change, change->old_row);
	if (change->old_row != NULL)
	{
		cc_row_digest(digest, change->old_row, change->ncolumns);
		cc_write_raw(w, digest, sizeof(digest));
	}
}

static void
append_change(Relation leaf, RowChange *change, TupleTableSlot *new_slot,
			  TupleTableSlot *old_slot)
{
	cc_writer	w;
	size_t		bound = 1 + CC_SECRET_SIZE + CC_DIGEST_SIZE;
	uint8	   *private_part;

	if (change->row)
		bound += values_bound(change->row, change->ncolumns);
	if (change->old_row)
		bound += values_bound(change->old_row, change->ncolumns);
	private_part = MemoryContextAllocHuge(CurrentMemoryContext, bound);
	cc_writer_init(&w, private_part, bound);
	write_private(&w, change);
	change->entry.rest.data = private_part;
	change->entry.rest.len = w.len;
	custody_order_append(leaf, new_slot, old_slot, &change->entry);
	cc_wipe(private_part, 1 + CC_SECRET_SIZE);
	cc_wipe(change->secret, CC_SECRET_SIZE);
}

/* Was the row deleted because it moved to another partition? */
static bool
has_moved(TupleTableSlot *old_slot)
{
	HeapTuple	tuple;

	if (!TTS_IS_BUFFERTUPLE(old_slot))
		return false;
	tuple = ((BufferHeapTupleTableSlot *) old_slot)->base.tuple;
	return tuple != NULL && tuple->t_data != NULL &&
		HeapTupleHeaderIndicatesMovedPartitions(tuple->t_data);
}

static int64
key_number(const RowChange *change)
{
	return cc_lookup_key(change->state->relation_id,
						 change->row ? change->row : change->old_row,
						 change->key_positions, change->nkeys);
}

static void
remember_move(const RowChange *change)
{
	PendingMove *m = &pending_moves[next_pending_move];

	next_pending_move = (next_pending_move + 1) % MAX_PENDING_MOVES;
	m->relation_id = change->state->relation_id;
	m->version = change->state->version;
	m->key = key_number(change);
	m->xid = GetTopTransactionIdIfAny();
}

/* Is the row one that another partition of the table just gave away? */
static bool
completes_move(const RowChange *change)
{
	for (int i = 0; i < MAX_PENDING_MOVES; i++)
	{
		PendingMove *m = &pending_moves[i];

		if (m->relation_id == change->state->relation_id &&
			m->version != change->state->version &&
			m->xid == GetTopTransactionIdIfAny() &&
			m->key == key_number(change))
		{
			m->relation_id = 0;
			return true;
		}
	}
	return false;
}

/* Pair the halves of a move that left the key alone. */
static void
note_move(RowChange *change, TupleTableSlot *old_slot)
{
	if (change->entry.kind == CC_KIND_DELETE && has_moved(old_slot))
		remember_move(change);
	else if (change->entry.kind == CC_KIND_INSERT && completes_move(change))
		change->entry.flags |= CC_ENTRY_MOVED;
}

static void
refuse_append_only(Relation leaf, cc_kind kind)
{
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_APPEND_ONLY),
			 errmsg("cannot %s rows of table \"%s\"", cc_kind_name(kind),
					RelationGetRelationName(leaf)),
			 errdetail("The table is protected in mode append_only."),
			 errhint("Insert a correcting row instead.")));
}

static void
capture_row(Relation leaf, cc_kind kind, TupleTableSlot *new_slot,
			TupleTableSlot *old_slot)
{
	CustodyRelState *state = custody_relstate_get(leaf);
	const cc_schema *schema = &state->layout->schema;
	RowChange	change = {0};

	if (state->append_only && old_slot != NULL && old_slot != new_slot)
		refuse_append_only(leaf, kind);
	change.state = state;
	change.ncolumns = schema->ncolumns;
	change.nkeys = cc_schema_key_count(schema);
	change.key_positions = cc_schema_key_positions(schema);
	change.entry.kind = kind;
	change.entry.relation = state->relation_id;
	change.entry.version = state->version;

	if (custody_canonical_needs_settings(state->renderer))
		render_with_settings(&change, new_slot, old_slot);
	else
		render(&change, new_slot, old_slot);
	render_contents(&change, leaf, new_slot, old_slot);
	if (kind == CC_KIND_UPDATE && key_changed(&change))
		change.entry.flags |= CC_ENTRY_KEY_CHANGED;
	draw_secret(change.secret);
	note_move(&change, old_slot);
	append_change(leaf, &change, new_slot, old_slot);
}

/* capture_row in a context of its own. */
static void
capture_in_context(Relation leaf, cc_kind kind, TupleTableSlot *new_slot,
				   TupleTableSlot *old_slot)
{
	MemoryContext context;
	MemoryContext old;

	if (row_context == NULL)
		row_context = AllocSetContextCreate(TopMemoryContext, "custody row",
											ALLOCSET_DEFAULT_SIZES);
	context = row_depth == 0 ? row_context :
		AllocSetContextCreate(CurrentMemoryContext, "custody nested row",
							  ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	row_depth++;
	PG_TRY();
	{
		capture_row(leaf, kind, new_slot, old_slot);
	}
	PG_FINALLY();
	{
		row_depth--;
		MemoryContextSwitchTo(old);
		if (context == row_context)
			MemoryContextReset(context);
		else
			MemoryContextDelete(context);
	}
	PG_END_TRY();
}

/* A row whose large objects the transaction wrote after it recorded the row. */
static void
restate(Relation leaf, TupleTableSlot *slot)
{
	capture_in_context(leaf, CC_KIND_UPDATE, slot, slot);
}

static void
settle_contents(void)
{
	custody_contents_settle(restate);
}

void
custody_capture_baseline(Relation leaf, TupleTableSlot *slot)
{
	capture_in_context(leaf, CC_KIND_BASELINE, slot, NULL);
}

static void
require_trigger(FunctionCallInfo fcinfo, bool row)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		(row ? !TRIGGER_FIRED_AFTER(data->tg_event) ||
		 !TRIGGER_FIRED_FOR_ROW(data->tg_event)
		 : !TRIGGER_FIRED_BY_TRUNCATE(data->tg_event) ||
		 !TRIGGER_FIRED_BEFORE(data->tg_event)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("custody's trigger functions cannot be called or attached by hand"),
				 errdetail("custody.protect() makes the triggers of a protected table."),
				 errhint("Use \"SELECT custody.protect('table_name')\".")));
}

PG_FUNCTION_INFO_V1(custody_sql_capture);
Datum
custody_sql_capture(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	require_trigger(fcinfo, true);
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		capture_in_context(data->tg_relation, CC_KIND_INSERT,
						   data->tg_trigslot, NULL);
	else if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		capture_in_context(data->tg_relation, CC_KIND_UPDATE,
						   data->tg_newslot, data->tg_trigslot);
	else
		capture_in_context(data->tg_relation, CC_KIND_DELETE,
						   NULL, data->tg_trigslot);
	return PointerGetDatum(NULL);
}

uint64
custody_capture_count(Relation leaf)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(leaf, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(leaf, NULL);
	uint64		count = 0;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		count++;
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	return count;
}

void
custody_capture_gone(Relation leaf, cc_kind kind)
{
	CustodyRelState *state = custody_relstate_get(leaf);
	uint8		body[8];

	if (state->append_only && kind == CC_KIND_TRUNCATE)
		refuse_append_only(leaf, kind);
	cc_store_u64(body, custody_capture_count(leaf));
	custody_order_settle();
	custody_append_event(kind, state->relation_id, state->version,
						 body, sizeof(body));
}

PG_FUNCTION_INFO_V1(custody_sql_capture_truncate);
Datum
custody_sql_capture_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	require_trigger(fcinfo, false);
	custody_capture_gone(data->tg_relation, CC_KIND_TRUNCATE);
	return PointerGetDatum(NULL);
}
