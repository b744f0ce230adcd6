/*
 * verify_tree.c
 *	  Tiles, stored checkpoints and the caller's anchors against the tree.
 *
 * Hashes arrive leaf by leaf.  Where the recomputed hash of a leaf and the one
 * stored in log_leaf differ, both are carried along until the tile shows which
 * of them the tree was built from, so that one altered leaf is not reported
 * again for each tile above it.
 *
 * Memory: 16 kB for each level of tiles in use, in the run's context.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/ledger.h"
#include "pg/verify.h"

#define TILE_LEVELS 8

/* The tile being filled at one level. */
typedef struct TileLevel
{
	uint64		index;
	int			n;				/* hashes so far */
	bool		known[CC_TILE_WIDTH];
	uint8		hashes[CC_TILE_WIDTH][CC_DIGEST_SIZE];
	uint8		others[CC_TILE_WIDTH][CC_DIGEST_SIZE];
} TileLevel;

typedef struct Anchor
{
	int			number;			/* as given, from 1 */
	bool		compared;
	cc_checkpoint checkpoint;
} Anchor;

typedef struct CustodyVerifyTree
{
	TileLevel  *levels[TILE_LEVELS];
	Anchor	  **anchors;		/* in order of size */
	int			nanchors;
	int			next_anchor;
} CustodyVerifyTree;

/* Tiles */

static int64
tile_first_leaf(int level, uint64 index, int place)
{
	return (int64) ((index * CC_TILE_WIDTH + place) << (CC_TILE_HEIGHT * level));
}

/* The stored tile; NULL if there is none, its length in *len. */
static bytea *
fetch_tile(CustodyVerify *v, int level, uint64 index)
{
	CustodyScan scan;
	ScanKeyData keys[2];
	bytea	   *tile = NULL;

	ScanKeyInit(&keys[0], Anum_tile_level, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(level));
	custody_catalog_key_int8(&keys[1], Anum_tile_tile_index, BTEqualStrategyNumber, (int64) index);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TILE, CUSTODY_TILE_PKEY, v->snapshot,
							   ForwardScanDirection, 2, keys);
	if (custody_catalog_scan_next(&scan))
		tile = custody_catalog_get_bytea(&scan, Anum_tile_hashes);
	custody_catalog_scan_end(&scan);
	return tile;
}

/* Hold a stored tile against the level; settles which hashes are the tree's. */
static void
compare_tile(CustodyVerify *v, int level, TileLevel *l, const uint8 *stored)
{
	for (int i = 0; i < CC_TILE_WIDTH; i++)
	{
		const uint8 *hash = stored + i * CC_DIGEST_SIZE;

		if (!l->known[i] || cc_equal(hash, l->others[i], CC_DIGEST_SIZE))
			memcpy(l->hashes[i], hash, CC_DIGEST_SIZE);
		else if (!cc_equal(hash, l->hashes[i], CC_DIGEST_SIZE))
			custody_verify_tampering(v, "tile_altered", NULL, tile_first_leaf(level, l->index, i),
									 psprintf("level %d, tile %llu, hash %d", level,
											  (unsigned long long) l->index, i),
									 "a stored tile hash is not the tree's");
	}
}

static void
check_tile(CustodyVerify *v, int level, TileLevel *l)
{
	MemoryContext old = MemoryContextSwitchTo(v->scratch);
	bytea	   *tile = fetch_tile(v, level, l->index);
	char	   *where = psprintf("level %d, tile %llu", level, (unsigned long long) l->index);

	if (tile == NULL)
		custody_verify_tampering(v, "tile_missing", NULL, tile_first_leaf(level, l->index, 0), where,
								 "a full tile is missing from log_tile");
	else if (VARSIZE_ANY_EXHDR(tile) != CC_TILE_BYTES)
		custody_verify_tampering(v, "tile_altered", NULL, tile_first_leaf(level, l->index, 0), where,
								 "a stored tile does not have 256 hashes");
	else
		compare_tile(v, level, l, (uint8 *) VARDATA_ANY(tile));
	MemoryContextSwitchTo(old);
}

/* Put a hash into its place; true when that fills the tile. */
static bool
put_hash(TileLevel *l, const uint8 *hash, const uint8 *other)
{
	l->known[l->n] = hash != NULL;
	if (hash != NULL)
	{
		memcpy(l->hashes[l->n], hash, CC_DIGEST_SIZE);
		memcpy(l->others[l->n], other, CC_DIGEST_SIZE);
	}
	return ++l->n == CC_TILE_WIDTH;
}

/* A full tile: check it, empty it; true when its root is known. */
static bool
finish_tile(CustodyVerify *v, int level, TileLevel *l, uint8 root[CC_DIGEST_SIZE])
{
	bool		all_known = true;

	check_tile(v, level, l);
	cc_tile_root(root, (const uint8 *) l->hashes);
	for (int i = 0; i < CC_TILE_WIDTH; i++)
		all_known &= l->known[i];
	l->index++;
	l->n = 0;
	return all_known;
}

void
custody_verify_tree_leaf(CustodyVerify *v, const uint8 *hash, const uint8 *other)
{
	uint8		root[CC_DIGEST_SIZE];

	for (int level = 0; level < TILE_LEVELS; level++)
	{
		if (v->tree->levels[level] == NULL)
			v->tree->levels[level] = MemoryContextAllocZero(v->context, sizeof(TileLevel));
		if (!put_hash(v->tree->levels[level], hash, other))
			return;
		hash = finish_tile(v, level, v->tree->levels[level], root) ? root : NULL;
		other = hash;
	}
}

/* Begin in the middle: hashes before 'size' are not known. */
static void
init_levels(CustodyVerify *v, uint64 size)
{
	for (int level = 0; level < TILE_LEVELS; level++)
	{
		TileLevel  *l;

		if (level > 0 && size >> (CC_TILE_HEIGHT * level) == 0)
			break;
		l = MemoryContextAllocZero(v->context, sizeof(TileLevel));
		l->index = size >> (CC_TILE_HEIGHT * (level + 1));
		l->n = (int) ((size >> (CC_TILE_HEIGHT * level)) % CC_TILE_WIDTH);
		v->tree->levels[level] = l;
	}
}

/* Tiles that the log is too small to have. */
static void
check_extra_tiles(CustodyVerify *v, uint64 size)
{
	CustodyScan scan;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_TILE, CUSTODY_TILE_PKEY, v->snapshot,
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		int16		level = DatumGetInt16(custody_catalog_get(&scan, Anum_tile_level));
		int64		index = DatumGetInt64(custody_catalog_get(&scan, Anum_tile_tile_index));

		CHECK_FOR_INTERRUPTS();
		if (level >= 0 && level < TILE_LEVELS - 1 && index >= 0 &&
			(uint64) index < size >> (CC_TILE_HEIGHT * (level + 1)))
			continue;
		custody_verify_tampering(v, "tile_extra", NULL, CUSTODY_NO_LEAF,
								 psprintf("level %d, tile %lld", level, (long long) index),
								 "log_tile has a tile that a log of %llu leaves does not have",
								 (unsigned long long) size);
	}
	custody_catalog_scan_end(&scan);
}

/* Checkpoints */

char *
custody_verify_checkpoint_note(CustodyVerify *v, int64 size)
{
	CustodyScan scan;
	ScanKeyData key;
	char	   *note = NULL;

	custody_catalog_key_int8(&key, Anum_checkpoint_tree_size, BTEqualStrategyNumber, size);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_CHECKPOINT, CUSTODY_CHECKPOINT_PKEY,
							   v->snapshot, ForwardScanDirection, 1, &key);
	if (custody_catalog_scan_next(&scan))
		note = TextDatumGetCString(custody_catalog_get(&scan, Anum_checkpoint_note));
	custody_catalog_scan_end(&scan);
	return note;
}

/* A checkpoint stored under a size at which no block ends. */
static void
extra_checkpoint(CustodyVerify *v, int64 size, const char *note)
{
	cc_checkpoint c;

	if (cc_checkpoint_parse(&c, note, strlen(note)) == CC_OK && c.size <= PG_INT64_MAX)
		custody_verify_tampering(v, "checkpoint_extra", NULL, (int64) c.size - 1, NULL,
								 "log_checkpoint has the checkpoint of size %llu under size %lld, at which no block ends",
								 (unsigned long long) c.size, (long long) size);
	else
		custody_verify_tampering(v, "checkpoint_extra", NULL, CUSTODY_NO_LEAF, NULL,
								 "log_checkpoint has a checkpoint of size %lld, at which no block ends",
								 (long long) size);
}

/* Checkpoints without a block; both are read in order of size. */
static void
check_extra_checkpoints(CustodyVerify *v)
{
	CustodyScan checkpoints;
	CustodyScan blocks;
	bool		have_block;

	custody_catalog_scan_begin(&checkpoints, CUSTODY_LOG_CHECKPOINT, CUSTODY_CHECKPOINT_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	custody_catalog_scan_begin(&blocks, CUSTODY_LOG_BLOCK, CUSTODY_BLOCK_TREE_SIZE,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	have_block = custody_catalog_scan_next(&blocks);
	while (custody_catalog_scan_next(&checkpoints))
	{
		int64		size = DatumGetInt64(custody_catalog_get(&checkpoints, Anum_checkpoint_tree_size));

		CHECK_FOR_INTERRUPTS();
		while (have_block && DatumGetInt64(custody_catalog_get(&blocks, Anum_block_tree_size)) < size)
			have_block = custody_catalog_scan_next(&blocks);
		if (!have_block || DatumGetInt64(custody_catalog_get(&blocks, Anum_block_tree_size)) != size)
			extra_checkpoint(v, size, TextDatumGetCString(custody_catalog_get(&checkpoints, Anum_checkpoint_note)));
	}
	custody_catalog_scan_end(&blocks);
	custody_catalog_scan_end(&checkpoints);
}

/* Anchors */

static void
anchor_unreadable(CustodyVerify *v, int number, cc_status status)
{
	CustodyFinding f = {CUSTODY_WARNING, "anchor_unreadable", NULL, (Datum) 0, CUSTODY_NO_LEAF};

	f.message = psprintf("anchor %d is not a signed checkpoint: %s", number, cc_status_text(status));
	custody_verify_report(v, &f);
}

/* The keys of log_key of this name, palloc'd; those that cannot be read are skipped. */
static cc_vkey *
keys_of(CustodyVerify *v, const char *origin, size_t *nkeys)
{
	cc_vkey    *keys = palloc(sizeof(cc_vkey));
	CustodyScan scan;

	*nkeys = 0;
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_KEY, CUSTODY_KEY_PKEY, v->snapshot,
							   ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		char	   *line = TextDatumGetCString(custody_catalog_get(&scan, Anum_key_verifier_key));

		if (cc_vkey_parse(&keys[*nkeys], line, strlen(line)) == CC_OK &&
			strcmp(keys[*nkeys].name, origin) == 0)
			keys = repalloc(keys, (++*nkeys + 1) * sizeof(cc_vkey));
		pfree(line);
	}
	custody_catalog_scan_end(&scan);
	return keys;
}

bool
custody_verify_signed(CustodyVerify *v, const cc_checkpoint *c)
{
	size_t		nkeys;
	cc_vkey    *keys = keys_of(v, c->origin, &nkeys);
	bool		found = cc_checkpoint_signed(c, keys, nkeys) == CC_OK;

	pfree(keys);
	return found;
}

static void
load_anchor(CustodyVerify *v, int number, char *note)
{
	Anchor	   *a = palloc0(sizeof(Anchor));
	/* the NUL makes room for the LF */
	size_t		len = cc_note_restore(note, strlen(note));
	cc_status	status = cc_checkpoint_parse(&a->checkpoint, note, len);

	a->number = number;
	if (status != CC_OK)
		anchor_unreadable(v, number, status);
	else if (!custody_verify_signed(v, &a->checkpoint))
		custody_verify_tampering(v, "anchor_unsigned", NULL, CUSTODY_NO_LEAF, NULL,
								 "anchor %d (size %llu of \"%s\") is not signed by a key of this ledger",
								 number, (unsigned long long) a->checkpoint.size, a->checkpoint.origin);
	else
		v->tree->anchors[v->tree->nanchors++] = a;
}

static int
compare_anchor_size(const void *a, const void *b)
{
	uint64		x = (*(Anchor *const *) a)->checkpoint.size;
	uint64		y = (*(Anchor *const *) b)->checkpoint.size;

	return x < y ? -1 : x > y;
}

static void
load_anchors(CustodyVerify *v, ArrayType *anchors)
{
	Datum	   *notes;
	bool	   *nulls;
	int			n;

	deconstruct_array(anchors, TEXTOID, -1, false, TYPALIGN_INT, &notes, &nulls, &n);
	v->tree->anchors = palloc(n * sizeof(Anchor *) + 1);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			load_anchor(v, i + 1, TextDatumGetCString(notes[i]));
	qsort(v->tree->anchors, v->tree->nanchors, sizeof(Anchor *), compare_anchor_size);
}

static void
compare_anchor(CustodyVerify *v, Anchor *a, const uint8 root[CC_DIGEST_SIZE])
{
	a->compared = true;
	if (!cc_equal(a->checkpoint.root, root, CC_DIGEST_SIZE))
		custody_verify_tampering(v, "anchor_mismatch", NULL,
								 (int64) a->checkpoint.size - 1, NULL,
								 "anchor %d was signed for another history: the first %llu leaves of this ledger are not those of the anchor",
								 a->number, (unsigned long long) a->checkpoint.size);
}

void
custody_verify_tree_anchors(CustodyVerify *v, const cc_frontier *log)
{
	CustodyVerifyTree *t = v->tree;

	while (t->next_anchor < t->nanchors &&
		   t->anchors[t->next_anchor]->checkpoint.size <= log->size)
	{
		Anchor	   *a = t->anchors[t->next_anchor++];

		if (a->checkpoint.size == log->size)
		{
			uint8		root[CC_DIGEST_SIZE];

			cc_frontier_root(log, root);
			compare_anchor(v, a, root);
		}
	}
}

/*
 * Anchors of sizes not met on the way: beyond the end, before 'since', or
 * within a block, at whose leaves the tree is not kept.
 */
static void
end_anchors(CustodyVerify *v, uint64 size)
{
	for (int i = 0; i < v->tree->nanchors; i++)
	{
		Anchor	   *a = v->tree->anchors[i];
		uint64		wanted = a->checkpoint.size;
		uint8		root[CC_DIGEST_SIZE];

		/* The last block may be waiting for its signature, unless that was seen. */
		if (wanted == size && custody_verify_checkpoint_note(v, (int64) size) == NULL)
			custody_verify_tampering(v, "checkpoint_missing", NULL, (int64) size - 1, NULL,
									 "checkpoint of size %llu was signed, log_checkpoint has none of that size",
									 (unsigned long long) size);
		if (a->compared)
			continue;
		if (wanted > size)
			custody_verify_tampering(v, "anchor_ahead", NULL, (int64) size, NULL,
									 "checkpoint of size %llu was signed, the ledger has only %llu leaves: %llu leaves are missing",
									 (unsigned long long) wanted, (unsigned long long) size,
									 (unsigned long long) (wanted - size));
		else if (custody_ledger_root((int64) wanted, v->snapshot, root))
			compare_anchor(v, a, root);
		else
			custody_verify_tampering(v, "anchor_mismatch", NULL, (int64) wanted - 1, NULL,
									 "anchor %d was signed for size %llu, at which no block of this ledger ends",
									 a->number, (unsigned long long) wanted);
	}
}

/* Together */

void
custody_verify_tree_init(CustodyVerify *v, ArrayType *anchors, int64 size)
{
	v->tree = palloc0(sizeof(CustodyVerifyTree));
	init_levels(v, (uint64) size);
	if (anchors != NULL)
		load_anchors(v, anchors);
}

void
custody_verify_tree_end(CustodyVerify *v, int64 size)
{
	check_extra_tiles(v, (uint64) size);
	check_extra_checkpoints(v);
	end_anchors(v, (uint64) size);
}
