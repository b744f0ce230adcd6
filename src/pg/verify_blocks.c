/*
 * verify_blocks.c
 *	  SQL: verify_blocks(anchors): how far each block can be trusted.
 *
 * The tree is computed again from the stored leaf hashes, block by block, and
 * held against the checkpoints, whose signatures are checked, as are the
 * cosignatures of trusted witnesses and the caller's anchors.  Whether the leaf
 * hashes are those of the entries is custody.verify()'s to say.
 *
 * A checkpoint vouches for all leaves before it: a block has the best that was
 * said of its own or of a later one, as long as the tree between them holds.
 *
 * Reads under the active snapshot, on a hot standby as well.  Locks:
 * AccessShareLock while a relation is scanned.  Memory: a struct for each block.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/encode.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/cosignature.h"
#include "pg/grade.h"
#include "pg/past.h"
#include "pg/witness.h"

PG_FUNCTION_INFO_V1(custody_sql_verify_blocks);

#define RESULT_COLUMNS 6

/* A block, or an anchor that no block has (number -1). */
typedef struct Block
{
	int64		number;
	int64		tree_size;
	TimestampTz sealed_at;		/* 0 if the header is not readable */
	bool		broken;			/* neither it nor what is before is as signed later */
	bool		is_signed;
	bool		anchored;
	uint64		cosigned;		/* bits: trusted witnesses, in their order */
	StringInfo	problem;		/* NULL: none */
} Block;

/* A key epoch's key. */
typedef struct EpochKey
{
	uint32		epoch;
	cc_vkey		key;
} EpochKey;

typedef struct Anchor
{
	int			number;			/* as given, from 1 */
	bool		found;			/* a block ends at its size */
	cc_status	status;			/* of reading it */
	cc_checkpoint checkpoint;
} Anchor;

typedef struct Walk
{
	Snapshot	snapshot;
	MemoryContext context;		/* of the run */
	List	   *witnesses;		/* trusted: CustodyWitness * */
	List	   *keys;			/* EpochKey * */
	List	   *anchors;		/* Anchor * */
	CustodyScan leaves;
	bool		have_leaf;
	cc_frontier tree;			/* of the leaves so far */
	Block	   *blocks;
	int64		nblocks;
	int64		capacity;
} Walk;

static void problem(Walk *w, Block *b, const char *format,...) pg_attribute_printf(3, 4);

static void
problem(Walk *w, Block *b, const char *format,...)
{
	MemoryContext old = MemoryContextSwitchTo(w->context);
	va_list		args;
	char		text[512];

	if (b->problem == NULL)
		b->problem = makeStringInfo();
	else
		appendStringInfoString(b->problem, "; ");
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	appendStringInfoString(b->problem, text);
	MemoryContextSwitchTo(old);
}

static Block *
new_block(Walk *w, int64 number, int64 tree_size)
{
	Block	   *b;

	if (w->nblocks == w->capacity)
	{
		w->capacity *= 2;
		w->blocks = repalloc_huge(w->blocks, w->capacity * sizeof(Block));
	}
	b = &w->blocks[w->nblocks++];
	memset(b, 0, sizeof(*b));
	b->number = number;
	b->tree_size = tree_size;
	return b;
}

/* What the checks need */

static void
load_keys(Walk *w)
{
	CustodyScan scan;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_KEY, CUSTODY_KEY_PKEY, w->snapshot,
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		char	   *line = TextDatumGetCString(custody_catalog_get(&scan, Anum_key_verifier_key));
		EpochKey   *k = palloc(sizeof(EpochKey));

		k->epoch = DatumGetUInt32(custody_catalog_get(&scan, Anum_key_epoch));
		if (cc_vkey_parse(&k->key, line, strlen(line)) == CC_OK)
			w->keys = lappend(w->keys, k);
	}
	custody_catalog_scan_end(&scan);
}

/* Did a key of the ledger sign it?  epoch 0: of any. */
static cc_status
check_signed(const Walk *w, const cc_checkpoint *c, uint32 epoch)
{
	cc_status	found = CC_E_UNSIGNED;
	ListCell   *lc;

	foreach(lc, w->keys)
	{
		EpochKey   *k = lfirst(lc);
		cc_status	status;

		if (epoch != 0 && k->epoch != epoch)
			continue;
		status = cc_checkpoint_signed(c, &k->key, 1);
		if (status == CC_E_UNSIGNED)
			continue;
		if (status != CC_OK)
			return status;
		found = CC_OK;
	}
	return found;
}

static void
load_anchors(Walk *w, ArrayType *anchors)
{
	Datum	   *notes;
	bool	   *nulls;
	int			n;

	deconstruct_array(anchors, TEXTOID, -1, false, TYPALIGN_INT, &notes, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		Anchor	   *a = palloc0(sizeof(Anchor));
		char	   *note;

		if (nulls[i])
			continue;
		note = TextDatumGetCString(notes[i]);
		a->number = i + 1;
		a->status = cc_checkpoint_parse(&a->checkpoint, note, cc_note_restore(note, strlen(note)));
		if (a->status == CC_OK)
			a->status = check_signed(w, &a->checkpoint, 0);
		w->anchors = lappend(w->anchors, a);
	}
}

/* Leaves */

static void
next_leaf(Walk *w)
{
	w->have_leaf = custody_catalog_scan_next(&w->leaves);
}

/* Grow the tree to a block's end; false if leaves are missing. */
static bool
take_leaves(Walk *w, int64 end)
{
	while (w->have_leaf)
	{
		int64		index = DatumGetInt64(custody_catalog_get(&w->leaves, Anum_leaf_leaf_index));
		bytea	   *hash;

		CHECK_FOR_INTERRUPTS();
		if (index >= end)
			break;
		hash = custody_catalog_get_bytea(&w->leaves, Anum_leaf_leaf_hash);
		if ((uint64) index == w->tree.size && VARSIZE_ANY_EXHDR(hash) == CC_DIGEST_SIZE)
			cc_frontier_append(&w->tree, (uint8 *) VARDATA_ANY(hash));
		pfree(hash);
		next_leaf(w);
	}
	return w->tree.size == (uint64) end;
}

/* Compare with the frontier in the block's row, and go on from that. */
static void
check_tree(Walk *w, Block *b, bytea *nodes)
{
	bool		whole = take_leaves(w, b->tree_size);
	cc_frontier stored;

	if (cc_frontier_load(&stored, (uint64) b->tree_size, VARDATA_ANY(nodes),
						 VARSIZE_ANY_EXHDR(nodes)) != CC_OK)
	{
		b->broken = true;
		problem(w, b, "its row in log_block is not readable");
		return;
	}
	if (!whole || memcmp(stored.nodes, w->tree.nodes,
						 cc_frontier_count(&stored) * CC_DIGEST_SIZE) != 0)
	{
		b->broken = true;
		problem(w, b, "the stored leaves do not hash to the root in log_block");
	}
	w->tree = stored;
}

/* Checkpoints */

static bytea *
load_note(const Walk *w, int64 size)
{
	CustodyScan scan;
	ScanKeyData key;
	bytea	   *note = NULL;

	custody_catalog_key_int8(&key, Anum_checkpoint_tree_size, BTEqualStrategyNumber, size);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT, CUSTODY_CHECKPOINT_PKEY,
							   w->snapshot, ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
		note = custody_catalog_get_bytea(&scan, Anum_checkpoint_note);
	custody_catalog_scan_end(&scan);
	return note;
}

static void
check_cosignatures(Walk *w, Block *b, const cc_checkpoint *c)
{
	ListCell   *lc;

	foreach(lc, custody_cosignature_load(b->tree_size, w->snapshot))
	{
		CustodyCosignature *line = lfirst(lc);

		for (int i = 0; i < list_length(w->witnesses); i++)
		{
			CustodyWitness *witness = list_nth(w->witnesses, i);
			cc_status	status;

			if (strcmp(witness->name, line->witness) != 0)
				continue;
			status = custody_cosignature_check(line, c, &witness->key);
			if (status == CC_OK)
				b->cosigned |= UINT64CONST(1) << i;
			else if (status != CC_E_UNSIGNED)	/* of an earlier key */
				problem(w, b, "cosignature of witness \"%s\": %s", witness->name, cc_status_text(status));
		}
	}
}

/* Is the checkpoint of this tree, of the header's origin and epoch? */
static void
check_checkpoint(Walk *w, Block *b, const cc_block *header, bool readable)
{
	bytea	   *note = load_note(w, b->tree_size);
	uint8		root[CC_DIGEST_SIZE];
	cc_checkpoint c;
	cc_status	status;

	if (note == NULL)			/* it may not be signed yet */
		return;
	status = cc_checkpoint_parse(&c, VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note));
	cc_frontier_root(&w->tree, root);
	if (status != CC_OK)
		problem(w, b, "its checkpoint is not readable: %s", cc_status_text(status));
	else if (c.size != (uint64) b->tree_size || !cc_equal(c.root, root, CC_DIGEST_SIZE))
	{
		b->broken = true;
		problem(w, b, "its checkpoint is of another tree");
	}
	else if (!readable || strlen(c.origin) != header->origin.len ||
			 memcmp(c.origin, header->origin.data, header->origin.len) != 0)
		problem(w, b, "its checkpoint is of another origin than its header");
	else if ((status = check_signed(w, &c, header->epoch)) != CC_OK)
		problem(w, b, "its checkpoint is not signed by the key of its epoch: %s", cc_status_text(status));
	else if (!b->broken)
	{
		b->is_signed = true;
		check_cosignatures(w, b, &c);
	}
}

/* Anchors of this size. */
static void
check_anchors(Walk *w, Block *b)
{
	uint8		root[CC_DIGEST_SIZE];
	ListCell   *lc;

	cc_frontier_root(&w->tree, root);
	foreach(lc, w->anchors)
	{
		Anchor	   *a = lfirst(lc);

		if (a->status != CC_OK || a->checkpoint.size != (uint64) b->tree_size)
			continue;
		a->found = true;
		if (!cc_equal(a->checkpoint.root, root, CC_DIGEST_SIZE))
		{
			b->broken = true;
			problem(w, b, "anchor %d was signed for another history", a->number);
		}
		else if (!b->broken)
			b->anchored = true;
	}
}

static void
check_block(Walk *w, CustodyScan *scan)
{
	Block	   *b = new_block(w, DatumGetInt64(custody_catalog_get(scan, Anum_block_block_no)),
							  DatumGetInt64(custody_catalog_get(scan, Anum_block_tree_size)));
	bytea	   *bytes = custody_catalog_get_bytea(scan, Anum_block_header);
	cc_block	header;
	bool		readable = cc_block_decode(&header, VARDATA_ANY(bytes),
										   VARSIZE_ANY_EXHDR(bytes)) == CC_OK;

	if (readable)
		b->sealed_at = custody_past_time(header.time);
	check_tree(w, b, custody_catalog_get_bytea(scan, Anum_block_frontier));
	check_checkpoint(w, b, &header, readable);
	check_anchors(w, b);
}

/* What was signed and is in no block. */
static void
add_lost_anchors(Walk *w)
{
	ListCell   *lc;

	foreach(lc, w->anchors)
	{
		Anchor	   *a = lfirst(lc);
		Block	   *b;

		if (a->found)
			continue;
		b = new_block(w, -1, a->status == CC_OK ? (int64) a->checkpoint.size : -1);
		if (a->status == CC_OK)
			problem(w, b, "anchor %d was signed for size " UINT64_FORMAT ", at which no block ends",
					a->number, a->checkpoint.size);
		else
			problem(w, b, "anchor %d: %s", a->number, cc_status_text(a->status));
	}
}

/* Results */

/* What later blocks say holds for those before, while the tree holds. */
static void
hand_down(Walk *w, int64 n)
{
	for (int64 i = n - 2; i >= 0; i--)
	{
		Block	   *b = &w->blocks[i];
		Block	   *later = &w->blocks[i + 1];

		if (b->broken || later->broken)
			continue;
		b->is_signed |= later->is_signed;
		b->anchored |= later->anchored;
		b->cosigned |= later->cosigned;
	}
}

static ArrayType *
witness_names(const Walk *w, uint64 set)
{
	Datum		names[CUSTODY_WITNESSES_MAX];
	int			n = 0;

	for (int i = 0; i < list_length(w->witnesses); i++)
		if (set & UINT64CONST(1) << i)
			names[n++] = CStringGetTextDatum(((CustodyWitness *) list_nth(w->witnesses, i))->name);
	return construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT);
}

static void
put_block(ReturnSetInfo *rsinfo, const Walk *w, const Block *b)
{
	Datum		values[RESULT_COLUMNS] = {0};
	bool		nulls[RESULT_COLUMNS] = {0};

	values[0] = Int64GetDatum(b->number);
	nulls[0] = b->number < 0;
	values[1] = Int64GetDatum(b->tree_size);
	nulls[1] = b->tree_size < 0;
	values[2] = TimestampTzGetDatum(b->sealed_at);
	nulls[2] = b->sealed_at == 0;
	values[3] = CStringGetTextDatum(custody_grade_name(b->is_signed, b->anchored, b->cosigned != 0));
	nulls[3] = b->number < 0;
	values[4] = PointerGetDatum(witness_names(w, b->cosigned));
	nulls[4] = b->number < 0;
	if (b->problem != NULL)
		values[5] = CStringGetTextDatum(b->problem->data);
	nulls[5] = b->problem == NULL;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
walk_blocks(Walk *w)
{
	MemoryContext scratch = AllocSetContextCreate(w->context, "pg_custody block",
												  ALLOCSET_DEFAULT_SIZES);
	CustodyScan blocks;

	custody_catalog_scan_begin(&w->leaves, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY, w->snapshot,
							   ForwardScanDirection, 0, NULL);
	next_leaf(w);
	cc_frontier_init(&w->tree);
	custody_catalog_scan_begin(&blocks, CUSTODY_LOG_BLOCK, CUSTODY_BLOCK_TREE_SIZE, w->snapshot,
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&blocks))
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);

		check_block(w, &blocks);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
	}
	custody_catalog_scan_end(&blocks);
	custody_catalog_scan_end(&w->leaves);
	MemoryContextDelete(scratch);
}

/* custody.verify_blocks(anchors text[]) */
Datum
custody_sql_verify_blocks(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Walk	   *w = palloc0(sizeof(Walk));

	InitMaterializedSRF(fcinfo, 0);
	w->snapshot = GetActiveSnapshot();
	w->context = CurrentMemoryContext;
	w->capacity = 64;
	w->blocks = palloc(w->capacity * sizeof(Block));
	w->witnesses = custody_witness_trusted(w->snapshot);
	load_keys(w);
	if (!PG_ARGISNULL(0))
		load_anchors(w, PG_GETARG_ARRAYTYPE_P(0));
	walk_blocks(w);
	hand_down(w, w->nblocks);
	add_lost_anchors(w);
	for (int64 i = 0; i < w->nblocks; i++)
		put_block(rsinfo, w, &w->blocks[i]);
	return (Datum) 0;
}
