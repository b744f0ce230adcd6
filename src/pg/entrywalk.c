/*
 * entrywalk.c
 *	  The entries of a transaction, in order.
 *
 * Stored bytes that cannot be taken apart set 'damaged' and the walk goes on
 * with the next chunk, so that a verifier can say what is wrong and a reader of
 * history still gets the rest.
 *
 * The committed part of a row-level entry follows from what is stored and its
 * schema version.  Where it does not, because one of the two cannot be read, it
 * is the bare head, which is no canonical entry: the sealer then seals an entry
 * that every verifier calls unreadable.
 *
 * Locks: AccessShareLock on a ledger relation while it is scanned.  Memory: a
 * context of the walk's own, under the one that was current when it began; one
 * chunk at a time.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/compat.h"
#include "pg/reader.h"
#include "pg/salter.h"

static void
walk_init(CustodyEntryWalk *walk, int64 txn_no, Snapshot snapshot)
{
	memset(walk, 0, offsetof(CustodyEntryWalk, committed_room));
	walk->snapshot = snapshot;
	walk->parent = CurrentMemoryContext;
	walk->context = AllocSetContextCreate(CurrentMemoryContext,
										  "pg_custody entry walk",
										  ALLOCSET_SMALL_SIZES);
	walk->chunk.txn_no = txn_no;
}

static void
use_last(CustodyEntryWalk *walk, const CustodyTransactionRow *row)
{
	walk->have_last = true;
	walk->last.txn_no = row->txn_no;
	walk->last.first_entry = row->first_entry;
	walk->last.entries = row->entries;
}

/* Scan chunks under one or more conditions after the transaction number. */
static void
use_chunks(CustodyEntryWalk *walk, int strategy, int64 first_entry)
{
	ScanKeyData keys[2];

	walk->chunk_context = AllocSetContextCreate(walk->context, "pg_custody chunk",
												ALLOCSET_DEFAULT_SIZES);
	walk->in_chunks = true;
	custody_catalog_key_int8(&keys[0], Anum_chunk_txn_no, BTEqualStrategyNumber,
							 walk->chunk.txn_no);
	custody_catalog_key_int8(&keys[1], Anum_chunk_first_entry, strategy, first_entry);
	custody_catalog_scan_begin(&walk->scan, CUSTODY_LOG_CHUNK, CUSTODY_CHUNK_PKEY,
							   walk->snapshot, ForwardScanDirection, 2, keys);
}

void
custody_reader_walk_row(CustodyEntryWalk *walk, int64 txn_no,
						const CustodyTransactionRow *row, Snapshot snapshot)
{
	walk_init(walk, txn_no, snapshot);
	if (row != NULL)
		use_last(walk, row);
	if (row == NULL || row->first_entry != 0)
		use_chunks(walk, BTGreaterEqualStrategyNumber, PG_INT64_MIN);
}

/* Find the transaction's row, which then lives as long as the walk. */
static bool
find_row(CustodyEntryWalk *walk, uint64 xact_id, CustodyTransactionRow *row)
{
	MemoryContext old = MemoryContextSwitchTo(walk->context);
	bool		found;

	if (xact_id != 0)
		found = custody_reader_transaction(xact_id, walk->chunk.txn_no, walk->snapshot, row);
	else
		found = custody_reader_find(walk->chunk.txn_no, walk->snapshot, row);
	MemoryContextSwitchTo(old);
	return found;
}

void
custody_reader_walk_begin(CustodyEntryWalk *walk, int64 txn_no, Snapshot snapshot)
{
	CustodyTransactionRow row;

	walk_init(walk, txn_no, snapshot);
	if (find_row(walk, 0, &row))
		use_last(walk, &row);
	if (!walk->have_last || walk->last.first_entry != 0)
		use_chunks(walk, BTGreaterEqualStrategyNumber, PG_INT64_MIN);
}

void
custody_reader_walk_chunk(CustodyEntryWalk *walk, int64 txn_no, int64 first_entry,
						  Snapshot snapshot)
{
	CustodyTransactionRow row;

	walk_init(walk, txn_no, snapshot);
	walk->next_entry_no = first_entry;
	walk->only_chunk = true;
	if (find_row(walk, 0, &row) && row.first_entry == first_entry)
		use_last(walk, &row);
	else
		use_chunks(walk, BTEqualStrategyNumber, first_entry);
}

/* First entry of the chunk that holds an entry; the entry itself if none does. */
static int64
find_chunk(int64 txn_no, int64 entry_no, Snapshot snapshot)
{
	ScanKeyData keys[2];
	CustodyScan scan;
	int64		first_entry = entry_no;

	custody_catalog_key_int8(&keys[0], Anum_chunk_txn_no, BTEqualStrategyNumber, txn_no);
	custody_catalog_key_int8(&keys[1], Anum_chunk_first_entry,
							 BTLessEqualStrategyNumber, entry_no);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHUNK, CUSTODY_CHUNK_PKEY,
							   snapshot, BackwardScanDirection, 2, keys);
	if (custody_catalog_scan_next(&scan))
		first_entry = DatumGetInt64(custody_catalog_get(&scan, Anum_chunk_first_entry));
	custody_catalog_scan_end(&scan);
	return first_entry;
}

void
custody_reader_walk_at(CustodyEntryWalk *walk, uint64 xact_id, int64 txn_no,
					   int64 entry_no, Snapshot snapshot)
{
	CustodyTransactionRow row;

	walk_init(walk, txn_no, snapshot);
	if (find_row(walk, xact_id, &row))
		use_last(walk, &row);
	if (walk->have_last && entry_no >= walk->last.first_entry)
	{
		walk->next_entry_no = walk->last.first_entry;
		return;
	}
	walk->next_entry_no = find_chunk(txn_no, entry_no, snapshot);
	use_chunks(walk, BTGreaterEqualStrategyNumber, walk->next_entry_no);
}

void
custody_reader_walk_from(CustodyEntryWalk *walk, int64 txn_no, int64 entry_no,
						 Snapshot snapshot)
{
	custody_reader_walk_at(walk, 0, txn_no, entry_no, snapshot);
}

/* Load the next row of log_chunk; false when there is none. */
static bool
next_stored_chunk(CustodyEntryWalk *walk)
{
	MemoryContext old;
	bool		found;

	/* The scan keeps what it allocates; the caller may reset his context. */
	old = MemoryContextSwitchTo(walk->parent);
	found = custody_catalog_scan_next(&walk->scan);
	if (found)
	{
		MemoryContextReset(walk->chunk_context);
		MemoryContextSwitchTo(walk->chunk_context);
		walk->chunk.first_entry = DatumGetInt64(custody_catalog_get(&walk->scan, Anum_chunk_first_entry));
		walk->chunk.entries = custody_catalog_get_bytea(&walk->scan, Anum_chunk_entries);
		if (VARSIZE_ANY_EXHDR(walk->chunk.entries) == 0)
			walk->damaged = true;
	}
	else
	{
		custody_catalog_scan_end(&walk->scan);
		walk->in_chunks = false;
	}
	MemoryContextSwitchTo(old);
	return found;
}

/* Load the next chunk; false when there is none. */
static bool
load_chunk(CustodyEntryWalk *walk)
{
	bool		found = walk->in_chunks && next_stored_chunk(walk);

	if (!found && walk->have_last)
	{
		walk->chunk = walk->last;
		walk->have_last = false;
		found = true;
	}
	if (!found)
		return false;
	cc_chunk_init(&walk->reader, VARDATA_ANY(walk->chunk.entries),
				  VARSIZE_ANY_EXHDR(walk->chunk.entries));
	if (walk->chunk.first_entry != walk->next_entry_no)
		walk->damaged = true;
	walk->next_entry_no = walk->chunk.first_entry;
	walk->in_chunk = true;
	walk->first_in_chunk = true;
	return true;
}

/* Leave a chunk whose entries are used up or cannot be told apart. */
static void
leave_chunk(CustodyEntryWalk *walk)
{
	if (walk->reader.r.status != CC_OK)
		walk->damaged = true;
	walk->in_chunk = false;
	if (walk->only_chunk)
	{
		walk->have_last = false;
		if (walk->in_chunks)
			custody_catalog_scan_end(&walk->scan);
		walk->in_chunks = false;
	}
}

/* Room for the values of an entry. */
static cc_private *
make_room(CustodyEntryWalk *walk, const cc_schema *schema)
{
	cc_private *room = &walk->room;
	size_t		needed = schema->ncolumns + 1;

	if (room->values_capacity < needed)
	{
		room->values = MemoryContextAlloc(walk->context, needed * sizeof(cc_value));
		room->old_key = MemoryContextAlloc(walk->context, needed * sizeof(cc_value));
		room->values_capacity = needed;
	}
	return room;
}

static const cc_schema *
find_schema(CustodyEntryWalk *walk)
{
	if (walk->find_schema != NULL)
		return walk->find_schema(walk->find_arg, walk->head.relation, walk->head.version);
	if (walk->definitions == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(walk->context);

		walk->definitions = custody_definitions_begin(walk->snapshot);
		MemoryContextSwitchTo(old);
	}
	return custody_definitions_find(walk->definitions, walk->head.relation,
									walk->head.version);
}

/* Open the private part and make the commitments; false if that cannot be. */
static bool
commit_entry(CustodyEntryWalk *walk)
{
	cc_private *room;

	walk->schema = find_schema(walk);
	if (walk->schema == NULL)
		return false;
	room = make_room(walk, walk->schema);
	if (cc_private_decode(room, &walk->head, walk->schema, walk->private_part.data,
						  walk->private_part.len) != CC_OK ||
		cc_entry_commit(&walk->head, walk->schema, room, custody_salter()) != CC_OK)
		return false;
	walk->opened = room;
	return true;
}

static void
set_row_committed(CustodyEntryWalk *walk)
{
	cc_writer	w;
	bool		made = commit_entry(walk);

	cc_writer_init(&w, walk->committed_room, sizeof(walk->committed_room));
	cc_write_entry(&w, &walk->head);
	walk->committed.data = walk->committed_room;
	walk->committed.len = made ? w.len : CUSTODY_HEAD_BYTES;
}

/* Of an entry whose committed part is given, if it is one with this head. */
static void
set_commitments(CustodyEntryWalk *walk)
{
	cc_entry	e;

	if (cc_entry_decode(&e, walk->committed.data, walk->committed.len) == CC_OK &&
		e.kind == walk->head.kind && e.flags == walk->head.flags &&
		e.relation == walk->head.relation && e.version == walk->head.version)
		walk->head = e;
}

static void
set_other_committed(CustodyEntryWalk *walk)
{
	Size		len = CUSTODY_HEAD_BYTES + walk->head.body.len;
	uint8	   *bytes;
	cc_writer	w;

	bytes = MemoryContextAllocHuge(walk->chunk_context ? walk->chunk_context : walk->context,
								   len);
	cc_writer_init(&w, bytes, len);
	cc_write_entry(&w, &walk->head);
	walk->committed.data = bytes;
	walk->committed.len = w.len;
}

static void
set_entry(CustodyEntryWalk *walk, const cc_stored *s)
{
	cc_entry   *head = &walk->head;

	memset(head, 0, sizeof(*head));
	head->kind = s->kind;
	head->flags = s->flags;
	head->relation = s->relation;
	head->version = s->version;
	walk->committed = s->committed;
	walk->private_part.len = 0;
	walk->private_part.data = NULL;
	walk->schema = NULL;
	walk->opened = NULL;
	if (!cc_kind_is_row(s->kind))
	{
		head->body = s->rest;
		if (!walk->heads_only)
			set_other_committed(walk);
		return;
	}
	walk->private_part = s->rest;
	if (s->explicit_part)
		set_commitments(walk);
	else if (!walk->heads_only)
		set_row_committed(walk);
}

/* Read the next entry; false when there is none. */
bool
custody_reader_walk_next(CustodyEntryWalk *walk)
{
	cc_stored	s;

	walk->first_in_chunk = false;
	for (;;)
	{
		if (!walk->in_chunk && !load_chunk(walk))
			return false;
		if (cc_chunk_next(&walk->reader, &s))
			break;
		leave_chunk(walk);
	}
	set_entry(walk, &s);
	walk->entry_no = walk->next_entry_no++;
	walk->last_in_chunk = walk->reader.r.pos == walk->reader.r.len;
	return true;
}

bool
custody_reader_walk_to(CustodyEntryWalk *walk, int64 entry_no)
{
	bool		heads_only = walk->heads_only;
	bool		found = true;

	walk->heads_only = true;
	while (found && walk->next_entry_no < entry_no)
		found = custody_reader_walk_next(walk);
	walk->heads_only = heads_only;
	return found && custody_reader_walk_next(walk) && walk->entry_no == entry_no;
}

void
custody_reader_walk_end(CustodyEntryWalk *walk)
{
	if (walk->in_chunks)
		custody_catalog_scan_end(&walk->scan);
	MemoryContextDelete(walk->context);
}
