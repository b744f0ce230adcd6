/*
 * append.c
 *	  Entries of the current transaction.
 *
 * Entries are buffered in levels, one for each subtransaction that has
 * entries of its own, and stored as rows of log_chunk when a level grows
 * large and at pre-commit.  A chunk is written by the subtransaction its
 * entries belong to, so a rollback removes exactly what it should.
 *
 * Invariants: levels are in order of nesting; a level's mark is the state
 * before its first entry; only entries of the innermost level are stored while
 * others are open; entries are numbered in the order they are appended.
 *
 * Memory: one context below TopTransactionContext.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/ilist.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/append.h"
#include "pg/catalog.h"
#include "pg/error.h"
#include "pg/xact.h"

/* Payload of a chunk: fills a page, is neither compressed nor moved out. */
#define CHUNK_BYTES 7600

/* Store full chunks of a level once it holds this much. */
#define LEVEL_BYTES (16 * CHUNK_BYTES)

#define MAX_LOOKUPS 3

/* Roots of subtrees are stored for transactions with as many entries. */
#define SUBTREE_ENTRIES 4096

/* One buffered entry, its bytes behind it: committed, then private part. */
typedef struct BufferedEntry
{
	slist_node	node;
	uint64		number;
	Size		committed_len;
	Size		private_len;
	int			nlookups;
	int64		lookups[MAX_LOOKUPS];
	uint8		bytes[FLEXIBLE_ARRAY_MEMBER];
} BufferedEntry;

typedef struct Level
{
	struct Level *outer;
	int			nest_level;
	uint64		mark_count;
	cc_frontier mark_tree;
	slist_head	entries;		/* not yet stored, oldest first */
	slist_node *last;
	Size		bytes;
} Level;

static MemoryContext append_context = NULL;
static Level *innermost = NULL;
static int64 transaction_number = 0;	/* 0 = not drawn */
static uint64 entry_count = 0;
static cc_frontier tree;

/* Roots over 256 entries each, entry_count / 256 of them. */
static uint8 *subtrees = NULL;
static uint64 subtree_capacity = 0;

/* Bytes an entry takes in a chunk. */
static Size
stored_size(const BufferedEntry *e)
{
	return cc_varint_size(e->committed_len) + e->committed_len +
		cc_varint_size(e->private_len) + e->private_len +
		e->nlookups * sizeof(int64);
}

static Level *
current_level(void)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	Level	   *level;

	if (innermost != NULL && innermost->nest_level == nest_level)
		return innermost;
	if (append_context == NULL)
	{
		append_context = AllocSetContextCreate(TopTransactionContext,
											   "custody entries",
											   ALLOCSET_DEFAULT_SIZES);
		cc_frontier_init(&tree);
		entry_count = 0;
	}
	level = MemoryContextAllocZero(append_context, sizeof(Level));
	level->outer = innermost;
	level->nest_level = nest_level;
	level->mark_count = entry_count;
	level->mark_tree = tree;
	slist_init(&level->entries);
	innermost = level;
	return level;
}

static void
push_entry(Level *level, BufferedEntry *e)
{
	if (level->last == NULL)
		slist_push_head(&level->entries, &e->node);
	else
		slist_insert_after(level->last, &e->node);
	level->last = &e->node;
	level->bytes += stored_size(e);
}

static void
free_entries(Level *level)
{
	while (!slist_is_empty(&level->entries))
	{
		BufferedEntry *e = slist_container(BufferedEntry, node,
										   slist_pop_head_node(&level->entries));

		pfree(e);
	}
	level->last = NULL;
	level->bytes = 0;
}

/* What one chunk holds: contiguous entries from the head of a level. */
typedef struct ChunkPlan
{
	int			nentries;
	int			nlookups;
	Size		committed;		/* framed bytes */
	Size		private_part;
	Size		total;
	bool		full;			/* another entry would not have fitted */
} ChunkPlan;

static void
plan_chunk(Level *level, ChunkPlan *plan)
{
	uint64		next = 0;
	slist_iter	iter;

	memset(plan, 0, sizeof(*plan));
	slist_foreach(iter, &level->entries)
	{
		BufferedEntry *e = slist_container(BufferedEntry, node, iter.cur);

		if (plan->nentries > 0 &&
			(e->number != next || plan->total + stored_size(e) > CHUNK_BYTES))
		{
			plan->full = true;
			return;
		}
		plan->nentries++;
		plan->nlookups += e->nlookups;
		plan->committed += cc_varint_size(e->committed_len) + e->committed_len;
		plan->private_part += cc_varint_size(e->private_len) + e->private_len;
		plan->total += stored_size(e);
		next = e->number + 1;
	}
}

/* Write the planned chunk and drop its entries from the level. */
static void
store_chunk(Level *level, const ChunkPlan *plan)
{
	Datum		values[Anum_chunk_private];
	bool		nulls[Anum_chunk_private] = {0};
	bytea	   *committed = custody_catalog_bytea(NULL, plan->committed);
	bytea	   *private_part = custody_catalog_bytea(NULL, plan->private_part);
	Datum	   *lookups = palloc(plan->nlookups * sizeof(Datum) + 1);
	ArrayType  *lookup_array;
	BufferedEntry *first;
	cc_writer	cw;
	cc_writer	pw;
	int			n = 0;
	uint64		first_number;

	first = slist_container(BufferedEntry, node,
							slist_head_node(&level->entries));
	first_number = first->number;
	cc_writer_init(&cw, VARDATA(committed), plan->committed);
	cc_writer_init(&pw, VARDATA(private_part), plan->private_part);
	for (int i = 0; i < plan->nentries; i++)
	{
		BufferedEntry *e = slist_container(BufferedEntry, node,
										   slist_pop_head_node(&level->entries));

		cc_write_bytes(&cw, e->bytes, e->committed_len);
		cc_write_bytes(&pw, e->bytes + e->committed_len, e->private_len);
		for (int j = 0; j < e->nlookups; j++)
			lookups[n++] = Int64GetDatum(e->lookups[j]);
		level->bytes -= stored_size(e);
		if (level->last == &e->node)
			level->last = NULL;
		pfree(e);
	}
	lookup_array = construct_array(lookups, n, INT8OID, sizeof(int64),
								   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);

	values[Anum_chunk_txn_no - 1] =
		Int64GetDatum(custody_append_transaction_number());
	values[Anum_chunk_first_entry - 1] = Int64GetDatum((int64) first_number);
	values[Anum_chunk_lookup - 1] = PointerGetDatum(lookup_array);
	values[Anum_chunk_entries - 1] = PointerGetDatum(committed);
	values[Anum_chunk_private - 1] = PointerGetDatum(private_part);
	custody_catalog_insert(CUSTODY_LOG_CHUNK, values, nulls);

	pfree(lookup_array);
	pfree(lookups);
	pfree(private_part);
	pfree(committed);
}

/* Store full chunks of the innermost level; all of it if 'everything'. */
static void
store_level(Level *level, bool everything)
{
	ChunkPlan	plan;

	while (!slist_is_empty(&level->entries))
	{
		plan_chunk(level, &plan);
		if (!plan.full && !everything)
			break;
		store_chunk(level, &plan);
	}
}

/* Before the last of 256 entries joins the tree: note the root over them. */
static void
note_subtree(const uint8 hash[CC_DIGEST_SIZE])
{
	uint64		n = tree.size / CC_TILE_WIDTH;
	int			nnodes = cc_frontier_count(&tree);
	uint8	   *root;

	if (subtrees == NULL)
	{
		subtree_capacity = CC_TILE_WIDTH;
		subtrees = MemoryContextAlloc(append_context, subtree_capacity * CC_DIGEST_SIZE);
	}
	else if (n >= subtree_capacity)
	{
		subtrees = repalloc_huge(subtrees, 2 * subtree_capacity * CC_DIGEST_SIZE);
		subtree_capacity *= 2;
	}
	root = subtrees + n * CC_DIGEST_SIZE;
	memcpy(root, hash, CC_DIGEST_SIZE);
	for (int i = 1; i <= CC_TILE_HEIGHT; i++)
		cc_merkle_node(root, tree.nodes[nnodes - i], root);
}

static void
store_subtrees(void)
{
	uint64		n = entry_count / CC_TILE_WIDTH;

	if (entry_count < SUBTREE_ENTRIES)
		return;
	for (uint64 first = 0; first < n; first += CC_TILE_WIDTH)
	{
		Size		len = Min(n - first, CC_TILE_WIDTH) * CC_DIGEST_SIZE;
		bytea	   *hashes = custody_catalog_bytea(NULL, len);
		Datum		values[Anum_subtree_hashes];
		bool		nulls[Anum_subtree_hashes] = {0};

		memcpy(VARDATA(hashes), subtrees + first * CC_DIGEST_SIZE, len);
		values[Anum_subtree_txn_no - 1] =
			Int64GetDatum(custody_append_transaction_number());
		values[Anum_subtree_tile_index - 1] = Int64GetDatum((int64) (first / CC_TILE_WIDTH));
		values[Anum_subtree_hashes - 1] = PointerGetDatum(hashes);
		custody_catalog_insert(CUSTODY_LOG_SUBTREE, values, nulls);
		pfree(hashes);
	}
}

void
custody_append_entry(const void *committed, size_t committed_len,
					 const void *private_part, size_t private_len,
					 const int64 *lookups, int nlookups)
{
	Level	   *level;
	BufferedEntry *e;
	uint8		hash[CC_DIGEST_SIZE];

	Assert(nlookups <= MAX_LOOKUPS);
	custody_xact_note_change();
	level = current_level();
	if (committed_len + private_len > MaxAllocSize - 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row is too large for the ledger"),
				 errdetail("Its values take %zu bytes as text; the limit is %zu.",
						   private_len, (size_t) MaxAllocSize - 1024),
				 errhint("Store documents of this size in several rows.")));
	e = MemoryContextAlloc(append_context,
						   offsetof(BufferedEntry, bytes) +
						   committed_len + private_len);
	e->number = entry_count++;
	e->committed_len = committed_len;
	e->private_len = private_len;
	e->nlookups = nlookups;
	if (nlookups > 0)
		memcpy(e->lookups, lookups, nlookups * sizeof(int64));
	memcpy(e->bytes, committed, committed_len);
	if (private_len > 0)
		memcpy(e->bytes + committed_len, private_part, private_len);
	cc_merkle_leaf(hash, committed, committed_len);
	if (tree.size % CC_TILE_WIDTH == CC_TILE_WIDTH - 1)
		note_subtree(hash);
	cc_frontier_append(&tree, hash);
	push_entry(level, e);
	if (level->bytes > LEVEL_BYTES)
		store_level(level, false);
}

void
custody_append_event(cc_kind kind, uint32 relation, uint32 version,
					 const void *body, size_t len)
{
	cc_entry	e;
	cc_writer	w;
	uint8	   *committed;

	memset(&e, 0, sizeof(e));
	e.kind = kind;
	e.relation = relation;
	e.version = version;
	e.body.data = body;
	e.body.len = len;
	cc_writer_init(&w, NULL, 0);
	cc_write_entry(&w, &e);
	committed = palloc(w.len);
	cc_writer_init(&w, committed, w.len);
	cc_write_entry(&w, &e);
	custody_append_entry(committed, w.len, NULL, 0, NULL, 0);
	pfree(committed);
}

bool
custody_append_pending(void)
{
	return append_context != NULL && entry_count > 0;
}

int64
custody_append_transaction_number(void)
{
	if (transaction_number == 0)
		transaction_number = custody_catalog_nextval(CUSTODY_TRANSACTION_NUMBER);
	return transaction_number;
}

uint64
custody_append_count(void)
{
	return entry_count;
}

void
custody_append_flush(void)
{
	if (innermost == NULL)
		return;
	Assert(innermost->outer == NULL && innermost->nest_level == 1);
	store_level(innermost, true);
	store_subtrees();
}

void
custody_append_root(uint8 root[CC_DIGEST_SIZE])
{
	cc_frontier_root(&tree, root);
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
	if (!slist_is_empty(&level->entries))
	{
		if (outer->last == NULL)
			outer->entries.head = level->entries.head;
		else
			outer->last->next = level->entries.head.next;
		outer->last = level->last;
		outer->bytes += level->bytes;
	}
	innermost = outer;
	pfree(level);
}

void
custody_append_subabort(int nest_level)
{
	while (innermost != NULL && innermost->nest_level >= nest_level)
	{
		Level	   *level = innermost;

		free_entries(level);
		entry_count = level->mark_count;
		tree = level->mark_tree;
		innermost = level->outer;
		pfree(level);
	}
}

/* The memory goes with TopTransactionContext. */
void
custody_append_reset(void)
{
	append_context = NULL;
	innermost = NULL;
	transaction_number = 0;
	entry_count = 0;
	subtrees = NULL;
	subtree_capacity = 0;
}
