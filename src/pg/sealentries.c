/*
 * sealentries.c
 *	  A transaction becomes a leaf.
 *
 * The application's transaction stored what cannot be derived.  Here its
 * entries are walked once: the committed part of each follows from what is
 * stored, its hash goes into the level-1 tree, its lookup numbers into the
 * run of the block.  The root over them completes the transaction record.
 *
 * A record or an entry that cannot be read is sealed as it stands: it is
 * evidence, and one damaged row must not stop the sealing of all others.
 *
 * Who may call: the holder of the sealing lock, in the transaction that writes
 * the block.  Memory: 260 kB, and a context that is reset per transaction; a
 * transaction of any size is read chunk by chunk.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/reader.h"
#include "pg/sealentries.h"

struct CustodySealer
{
	CustodyTree *tree;
	CustodyLookupWriter *lookups;
	Snapshot	snapshot;
	CustodyDefinitions *definitions;
	MemoryContext context;		/* of one transaction */
	bool		subtrees_open;
	CustodyAppend subtrees;
	/* the current transaction */
	int64		txn_no;
	int64		leaf_index;
	cc_frontier entries;
	uint8		hashes[CC_TILE_BYTES];	/* roots of 256 entries each */
	uint8		marks[CUSTODY_SUBTREE_ENTRIES * CUSTODY_MARK_SIZE];
};

CustodySealer *
custody_sealer_begin(CustodyTree *tree, CustodyLookupWriter *lookups)
{
	CustodySealer *s = palloc(sizeof(CustodySealer));

	s->tree = tree;
	s->lookups = lookups;
	s->snapshot = GetActiveSnapshot();
	s->definitions = custody_definitions_begin(s->snapshot);
	s->context = AllocSetContextCreate(CurrentMemoryContext, "pg_custody sealed transaction",
									   ALLOCSET_DEFAULT_SIZES);
	s->subtrees_open = false;
	return s;
}

void
custody_sealer_end(CustodySealer *s)
{
	if (s->subtrees_open)
		custody_catalog_append_end(&s->subtrees);
	MemoryContextDelete(s->context);
	pfree(s);
}

/* Store what is known of the last 65536 entries, or fewer at the end. */
static void
store_subtrees(CustodySealer *s)
{
	uint64		first = (s->entries.size - 1) / CUSTODY_SUBTREE_ENTRIES;
	Size		n = s->entries.size - first * CUSTODY_SUBTREE_ENTRIES;
	Datum		values[Anum_subtree_marks];
	bool		nulls[Anum_subtree_marks] = {0};

	if (!s->subtrees_open)
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(s));

		custody_catalog_append_begin(&s->subtrees, CUSTODY_LOG_SUBTREE);
		MemoryContextSwitchTo(old);
		s->subtrees_open = true;
	}
	values[Anum_subtree_txn_no - 1] = Int64GetDatum(s->txn_no);
	values[Anum_subtree_tile_index - 1] = Int64GetDatum((int64) first);
	values[Anum_subtree_hashes - 1] =
		PointerGetDatum(custody_catalog_bytea(s->hashes, n / CC_TILE_WIDTH * CC_DIGEST_SIZE));
	values[Anum_subtree_marks - 1] =
		PointerGetDatum(custody_catalog_bytea(s->marks, n * CUSTODY_MARK_SIZE));
	custody_catalog_append(&s->subtrees, values, nulls);
}

/* Before the last of 256 entries joins the tree: note the root over them. */
static void
note_subtree(CustodySealer *s, const uint8 hash[CC_DIGEST_SIZE])
{
	int			nnodes = cc_frontier_count(&s->entries);
	uint8	   *root = s->hashes +
		s->entries.size / CC_TILE_WIDTH % CC_TILE_WIDTH * CC_DIGEST_SIZE;

	memcpy(root, hash, CC_DIGEST_SIZE);
	for (int i = 1; i <= CC_TILE_HEIGHT; i++)
		cc_merkle_node(root, s->entries.nodes[nnodes - i], root);
}

static void
seal_entry(CustodySealer *s, const CustodyEntryWalk *walk)
{
	uint8		hash[CC_DIGEST_SIZE];

	cc_merkle_leaf(hash, walk->committed.data, walk->committed.len);
	if (s->entries.size % CC_TILE_WIDTH == CC_TILE_WIDTH - 1)
		note_subtree(s, hash);
	memcpy(s->marks + s->entries.size % CUSTODY_SUBTREE_ENTRIES * CUSTODY_MARK_SIZE,
		   hash, CUSTODY_MARK_SIZE);
	cc_frontier_append(&s->entries, hash);
	if (s->entries.size % CUSTODY_SUBTREE_ENTRIES == 0)
		store_subtrees(s);
}

static void
add_lookups(CustodyLookupWriter *lookups, int64 leaf_index, const CustodyEntryWalk *walk)
{
	CustodyLookupItem item;
	int64_t		numbers[3];
	int			n;

	if (walk->opened == NULL)
		return;
	n = cc_private_lookups(numbers, &walk->head, walk->schema, walk->opened);
	item.leaf_index = leaf_index;
	item.entry_no = walk->entry_no;
	for (int i = 0; i < n; i++)
	{
		item.number = numbers[i];
		custody_lookup_writer_add(lookups, &item);
	}
}

static void
seal_entries(CustodySealer *s, const CustodyTransactionRow *row)
{
	CustodyEntryWalk walk;

	cc_frontier_init(&s->entries);
	custody_reader_walk_row(&walk, row->txn_no, row, s->snapshot);
	walk.definitions = s->definitions;
	while (custody_reader_walk_next(&walk))
	{
		if (walk.first_in_chunk)
			CHECK_FOR_INTERRUPTS();
		seal_entry(s, &walk);
		add_lookups(s->lookups, s->leaf_index, &walk);
	}
	custody_reader_walk_end(&walk);
	if (s->entries.size > CUSTODY_LEAF_MARKS &&
		s->entries.size % CUSTODY_SUBTREE_ENTRIES != 0)
		store_subtrees(s);
}

static void
warn_unreadable(int64 txn_no)
{
	ereport(WARNING,
			(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
			 errmsg("transaction record " INT64_FORMAT " cannot be read", txn_no),
			 errdetail("It is sealed as it stands."),
			 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
}

void
custody_sealer_transaction(CustodySealer *s, const CustodyPicked *picked)
{
	MemoryContext old = MemoryContextSwitchTo(s->context);
	CustodyTransactionRow row;
	CustodyTreeLeaf leaf;
	bytea	   *record;
	uint8		hash[CC_DIGEST_SIZE];

	if (picked->commit_number == PG_UINT64_MAX)
		warn_unreadable(picked->txn_no);
	if (!custody_picked_row(picked, s->snapshot, &row))
		elog(ERROR, "transaction " INT64_FORMAT " has vanished", picked->txn_no);
	s->txn_no = picked->txn_no;
	s->leaf_index = (int64) s->tree->frontier.size;
	seal_entries(s, &row);
	leaf.txn_no = picked->txn_no;
	leaf.xact_id = picked->xact_id;
	cc_frontier_root(&s->entries, leaf.root);
	leaf.marks = s->entries.size <= CUSTODY_LEAF_MARKS ? s->marks : NULL;
	leaf.marks_len = s->entries.size * CUSTODY_MARK_SIZE;
	record = custody_reader_sealed_record(row.record, leaf.root);
	cc_merkle_leaf(hash, VARDATA(record), VARSIZE(record) - VARHDRSZ);
	custody_tree_append(s->tree, &leaf, hash);
	MemoryContextSwitchTo(old);
	MemoryContextReset(s->context);
}

/* Lookup numbers of all that is sealed */

static void
collect_leaf(CustodyLookupWriter *lookups, const CustodyLeaf *leaf,
			 CustodyDefinitions *definitions, Snapshot snapshot)
{
	CustodyTransactionRow row;
	CustodyEntryWalk walk;

	if (leaf->txn_no == 0 ||
		!custody_reader_transaction(leaf->xact_id, leaf->txn_no, snapshot, &row))
		return;
	custody_reader_walk_row(&walk, leaf->txn_no, &row, snapshot);
	walk.definitions = definitions;
	while (custody_reader_walk_next(&walk))
	{
		if (walk.first_in_chunk)
			CHECK_FOR_INTERRUPTS();
		add_lookups(lookups, leaf->leaf_index, &walk);
	}
	custody_reader_walk_end(&walk);
}

void
custody_sealer_collect(CustodyLookupWriter *lookups)
{
	Snapshot	snapshot = GetActiveSnapshot();
	CustodyDefinitions *definitions = custody_definitions_begin(snapshot);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_custody leaf",
												  ALLOCSET_DEFAULT_SIZES);
	CustodyScan leaves;

	custody_catalog_scan_begin(&leaves, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY, snapshot,
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&leaves))
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		CustodyLeaf leaf;

		CHECK_FOR_INTERRUPTS();
		custody_reader_leaf_row(&leaves, &leaf);
		collect_leaf(lookups, &leaf, definitions, snapshot);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	custody_catalog_scan_end(&leaves);
	MemoryContextDelete(context);
}
