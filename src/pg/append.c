/*
 * append.c
 *	  Entries of the current transaction.
 *
 * Entries are put together in chunks, as they are to be stored, in levels: one
 * for each subtransaction that has entries of its own.  Full chunks are stored
 * as rows of log_chunk when a level grows large and at pre-commit; the last
 * one goes into the transaction's row of log_transaction.  A chunk is written
 * by the subtransaction its entries belong to, so a rollback removes exactly
 * what it should.
 *
 * Invariants: levels are in order of nesting; a level's mark is the count
 * before its first entry; only chunks of the innermost level are stored while
 * others are open; entries are numbered in the order they are appended; the
 * entries of one chunk follow each other.
 *
 * Memory: one chunk for the whole session, which is all that most transactions
 * need; everything else in a context that is reset when the transaction ends.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "lib/ilist.h"
#include "utils/memutils.h"

#include "core/chunk.h"
#include "pg/append.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/xact.h"

/*
 * Entries in a row, with the record in the same row: what fills a page and is
 * neither compressed nor moved out, with the fixed columns and all headers.
 */
#define CHUNK_BYTES (MaxHeapTupleSize - 64)

/* Store full chunks of a level once it holds as many. */
#define LEVEL_CHUNKS 16

typedef struct Chunk
{
	slist_node	node;
	uint64		first;			/* entry number */
	uint64		count;
	cc_stored	last;			/* of its entries; slices not used */
	Size		capacity;		/* of bytes */
	Size		len;
	bytea		varlena;		/* then the bytes */
} Chunk;

typedef struct Level
{
	struct Level *outer;
	int			nest_level;
	uint64		mark_count;
	slist_head	chunks;			/* not yet stored, oldest first */
	Chunk	   *last;
	int			nchunks;
} Level;

static MemoryContext append_context = NULL;
static bool context_used = false;
static Chunk *session_chunk = NULL;
static bool session_chunk_taken = false;
static Level first_level;
static Level *innermost = NULL;
static int64 transaction_number = 0;	/* 0 = not drawn */
static uint64 entry_count = 0;

static void *
allocate(Size size)
{
	if (append_context == NULL)
		append_context = AllocSetContextCreate(TopMemoryContext, "custody entries",
											   ALLOCSET_DEFAULT_SIZES);
	context_used = true;
	return MemoryContextAllocHuge(append_context, size);
}

/* An empty chunk with room for at least so many bytes. */
static Chunk *
make_chunk(Size capacity)
{
	Chunk	   *chunk;

	capacity = Max(capacity, CHUNK_BYTES);
	if (capacity > CHUNK_BYTES || session_chunk_taken)
		chunk = allocate(offsetof(Chunk, varlena) + VARHDRSZ + capacity);
	else
	{
		if (session_chunk == NULL)
			session_chunk = MemoryContextAlloc(TopMemoryContext,
											   offsetof(Chunk, varlena) + VARHDRSZ + CHUNK_BYTES);
		chunk = session_chunk;
		session_chunk_taken = true;
	}
	chunk->first = entry_count;
	chunk->count = 0;
	chunk->capacity = capacity;
	chunk->len = 0;
	return chunk;
}

static void
free_chunk(Chunk *chunk)
{
	if (chunk == session_chunk)
		session_chunk_taken = false;
	else
		pfree(chunk);
}

static bytea *
chunk_bytes(Chunk *chunk)
{
	SET_VARSIZE(&chunk->varlena, VARHDRSZ + chunk->len);
	return &chunk->varlena;
}

static Level *
current_level(void)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	Level	   *level;

	if (innermost != NULL && innermost->nest_level == nest_level)
		return innermost;
	if (innermost == NULL)
		level = &first_level;
	else
		level = allocate(sizeof(Level));
	memset(level, 0, sizeof(Level));
	level->outer = innermost;
	level->nest_level = nest_level;
	level->mark_count = entry_count;
	slist_init(&level->chunks);
	innermost = level;
	return level;
}

static void
free_level(Level *level)
{
	innermost = level->outer;
	if (level != &first_level)
		pfree(level);
}

static void
push_chunk(Level *level, Chunk *chunk)
{
	if (level->last == NULL)
		slist_push_head(&level->chunks, &chunk->node);
	else
		slist_insert_after(&level->last->node, &chunk->node);
	level->last = chunk;
	level->nchunks++;
}

static Chunk *
pop_chunk(Level *level)
{
	Chunk	   *chunk = slist_container(Chunk, node,
										slist_pop_head_node(&level->chunks));

	if (level->last == chunk)
		level->last = NULL;
	level->nchunks--;
	return chunk;
}

static void
store_chunk(CustodyAppend *append, Chunk *chunk)
{
	Datum		values[Anum_chunk_entries];
	bool		nulls[Anum_chunk_entries] = {0};

	values[Anum_chunk_txn_no - 1] = Int64GetDatum(custody_append_transaction_number());
	values[Anum_chunk_first_entry - 1] = Int64GetDatum((int64) chunk->first);
	values[Anum_chunk_entries - 1] = PointerGetDatum(chunk_bytes(chunk));
	custody_catalog_append(append, values, nulls);
}

/* Store the chunks of the innermost level but so many. */
static void
store_level(Level *level, int but)
{
	CustodyAppend append;

	if (level->nchunks <= but)
		return;
	custody_catalog_append_begin(&append, CUSTODY_LOG_CHUNK);
	while (level->nchunks > but)
	{
		Chunk	   *chunk = pop_chunk(level);

		store_chunk(&append, chunk);
		free_chunk(chunk);
	}
	custody_catalog_append_end(&append);
}

static void
check_size(Size len)
{
	if (len > MaxAllocSize - 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row is too large for the ledger"),
				 errdetail("Its values take %zu bytes as text; the limit is %zu.",
						   len, (size_t) MaxAllocSize - 1024),
				 errhint("Store documents of this size in several rows.")));
}

/* The chunk of a level that takes the next entry, of so many bytes at most. */
static Chunk *
open_chunk(Level *level, Size bound)
{
	Chunk	   *chunk = level->last;

	if (chunk == NULL || chunk->first + chunk->count != entry_count ||
		chunk->len + bound > chunk->capacity)
	{
		if (level->nchunks >= LEVEL_CHUNKS)
			store_level(level, 1);
		chunk = make_chunk(bound);
		push_chunk(level, chunk);
	}
	return chunk;
}

void
custody_append_entry(const cc_stored *entry)
{
	Size		bound = CC_STORED_PREFIX_MAX + entry->rest.len;
	Chunk	   *chunk;
	cc_writer	w;

	Assert(!entry->explicit_part);
	check_size(entry->rest.len);
	custody_xact_note_change();
	chunk = open_chunk(current_level(), bound);
	cc_writer_init(&w, VARDATA(&chunk->varlena) + chunk->len,
				   chunk->capacity - chunk->len);
	cc_write_stored(&w, chunk->count > 0 ? &chunk->last : NULL, entry);
	Assert(w.status == CC_OK);
	chunk->len += w.len;
	chunk->count++;
	chunk->last = *entry;
	entry_count++;
}

void
custody_append_event(cc_kind kind, uint32 relation, uint32 version,
					 const void *body, size_t len)
{
	cc_stored	entry = {0};

	entry.kind = kind;
	entry.relation = relation;
	entry.version = version;
	entry.rest.data = body;
	entry.rest.len = len;
	custody_append_entry(&entry);
}

bool
custody_append_pending(void)
{
	return entry_count > 0;
}

int64
custody_append_transaction_number(void)
{
	if (transaction_number == 0)
		transaction_number = custody_catalog_nextval(CUSTODY_COMMIT_NUMBER);
	return transaction_number;
}

int64
custody_append_name(int64 commit_number)
{
	if (transaction_number == 0)
		transaction_number = commit_number;
	return transaction_number;
}

uint64
custody_append_count(void)
{
	return entry_count;
}

bytea *
custody_append_finish(Size record_len, uint64 *first_entry)
{
	static char none[sizeof(varattrib_4b)] pg_attribute_aligned(8);
	Level	   *level = innermost;

	Assert(level == NULL || (level->outer == NULL && level->nest_level == 1));
	if (level != NULL)
		store_level(level, 1);
	if (level != NULL && level->last != NULL &&
		level->last->len + record_len > CHUNK_BYTES)
		store_level(level, 0);
	if (level != NULL && level->last != NULL)
	{
		*first_entry = level->last->first;
		return chunk_bytes(level->last);
	}
	*first_entry = entry_count;
	SET_VARSIZE(none, VARHDRSZ);
	return (bytea *) none;
}

/* Add a chunk's entries to a level: to its last chunk, where they fit. */
static void
move_chunk(Level *level, Chunk *chunk)
{
	Chunk	   *last = level->last;

	if (last == NULL || last->first + last->count != chunk->first ||
		last->len + chunk->len > last->capacity)
	{
		push_chunk(level, chunk);
		return;
	}
	/* Its first entry has a head of its own. */
	memcpy(VARDATA(&last->varlena) + last->len, VARDATA(&chunk->varlena), chunk->len);
	last->len += chunk->len;
	last->count += chunk->count;
	last->last = chunk->last;
	free_chunk(chunk);
}

/*
 * The subtransaction's entries become its parent's.  Nothing is stored here:
 * the parent may still roll back alone with what it had before.
 */
void
custody_append_subcommit(int nest_level)
{
	Level	   *level = innermost;
	Level	   *outer;

	if (level == NULL || level->nest_level != nest_level)
		return;
	outer = level->outer;
	if (outer == NULL || outer->nest_level != nest_level - 1)
	{
		level->nest_level = nest_level - 1;
		return;
	}
	while (level->nchunks > 0)
		move_chunk(outer, pop_chunk(level));
	free_level(level);
}

void
custody_append_subabort(int nest_level)
{
	while (innermost != NULL && innermost->nest_level >= nest_level)
	{
		Level	   *level = innermost;

		while (level->nchunks > 0)
			free_chunk(pop_chunk(level));
		entry_count = level->mark_count;
		free_level(level);
	}
}

void
custody_append_reset(void)
{
	if (context_used)
		MemoryContextReset(append_context);
	context_used = false;
	session_chunk_taken = false;
	innermost = NULL;
	transaction_number = 0;
	entry_count = 0;
}
