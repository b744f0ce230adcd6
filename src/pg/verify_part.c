/*
 * verify_part.c
 *	  What each process does when verification reads ahead, verify_ahead.h.
 *
 * Nothing is reported here.  A leaf counts as checked only if the walk would
 * have nothing to say about its entries, and if it is the only row of log_leaf
 * with its number.
 *
 * Locks: AccessShareLock on a table while its rows are read.  Memory:
 * v->scratch per leaf.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/verify_ahead.h"
#include "pg/verify_events.h"
#include "pg/verify_marks.h"

/* The leaf that is read. */
typedef struct Leaf
{
	CustodyLeaf row;
	bytea	   *hash;
	bytea	   *marks;			/* NULL: none */
	CustodyTransaction t;
	cc_frontier entries;		/* their tree */
	CustodyLookupSum lookups;
} Leaf;

/* Entries */

/* Make the record of an entry; false if that is the walk's to do. */
static bool
put_record(CustodyVerify *v, const CustodyEntryWalk *walk)
{
	CustodyVerifyVersion *version = custody_verify_version(v, walk->head.version);

	if (custody_state_relation(v, walk->head.relation) == NULL)
		return true;
	if (!custody_state_leaf(v, walk->head.relation, version->leaf)->one_key)
		return false;
	v->private_part = *walk->opened;
	custody_verify_state_entry(v, &walk->head, version, walk->private_part);
	return true;
}

static bool
check_entry(CustodyVerify *v, Leaf *leaf, const CustodyEntryWalk *walk, CustodyMarks *marks,
			bool sorted)
{
	uint8		hash[CC_DIGEST_SIZE];

	if (!cc_kind_is_row(walk->head.kind) || walk->opened == NULL ||
		!cc_entry_head_valid(&walk->head))
		return false;
	cc_merkle_leaf(hash, walk->committed.data, walk->committed.len);
	cc_frontier_append(&leaf->entries, hash);
	if (!custody_marks_agree(marks, walk->entry_no, hash))
		return false;
	custody_verify_lookup_weigh(v, walk, &leaf->lookups);
	return !sorted || put_record(v, walk);
}

/* Are the entries those the record seals, each to be opened and marked so? */
static bool
check_entries(CustodyVerify *v, Leaf *leaf, bool sorted)
{
	CustodyEntryWalk walk;
	CustodyMarks marks;
	uint8		root[CC_DIGEST_SIZE];
	bool		good = true;

	cc_frontier_init(&leaf->entries);
	custody_verify_walk_begin(v, &walk, &leaf->t.row);
	custody_marks_begin(&marks, v, true, leaf->marks);
	while (good && custody_reader_walk_next(&walk))
	{
		CHECK_FOR_INTERRUPTS();
		v->place.entry_no = walk.entry_no;
		good = check_entry(v, leaf, &walk, &marks, sorted);
	}
	good = good && !walk.damaged && custody_marks_end(&marks, walk.next_entry_no) &&
		leaf->entries.size == (uint64) walk.next_entry_no &&
		leaf->entries.size == leaf->t.record.entry_count;
	custody_reader_walk_end(&walk);
	if (!good)
		return false;
	cc_frontier_root(&leaf->entries, root);
	return memcmp(root, leaf->t.record.root, CC_DIGEST_SIZE) == 0;
}

/* Leaves */

/* Is the leaf what log_leaf says, sealing the root log_leaf says? */
static bool
load_leaf(CustodyVerify *v, Leaf *leaf)
{
	uint8		hash[CC_DIGEST_SIZE];

	if (leaf->row.txn_no == 0 || !leaf->row.has_root ||
		VARSIZE_ANY_EXHDR(leaf->hash) != CC_DIGEST_SIZE ||
		!custody_verify_load_transaction(v, leaf->row.xact_id, leaf->row.txn_no,
										 leaf->row.root, &leaf->t) ||
		!leaf->t.readable)
		return false;
	cc_merkle_leaf(hash, VARDATA_ANY(leaf->t.bytes), VARSIZE_ANY_EXHDR(leaf->t.bytes));
	return memcmp(hash, VARDATA_ANY(leaf->hash), CC_DIGEST_SIZE) == 0 &&
		memcmp(leaf->t.record.root, leaf->row.root, CC_DIGEST_SIZE) == 0;
}

static bool
check_leaf(CustodyVerify *v, CustodyScan *scan, bool sorted, Leaf *leaf)
{
	bool		isnull;
	Datum		marks = custody_catalog_getattr(scan, Anum_leaf_marks, &isnull);

	memset(&leaf->lookups, 0, sizeof(leaf->lookups));
	leaf->marks = isnull ? NULL : DatumGetByteaPP(marks);
	leaf->hash = custody_catalog_get_bytea(scan, Anum_leaf_leaf_hash);
	v->place.leaf_index = v->place.position = leaf->row.leaf_index;
	v->place.txn_no = leaf->row.txn_no;
	return load_leaf(v, leaf) && check_entries(v, leaf, sorted);
}

static void
add_lookups(CustodyLookupSum *sum, const CustodyLookupSum *other, int times)
{
	sum->count += times * other->count;
	sum->sum += (uint64) (int64) times * other->sum;
}

/*
 * Check the wanted leaves of the unit that begins with one; returns those that
 * are as they were sealed.
 */
static uint64
check_unit(CustodyVerify *v, int64 first, uint64 wanted, bool sorted, CustodyLookupSum *lookups)
{
	MemoryContext old = CurrentMemoryContext;
	uint64		seen = 0;
	uint64		checked = 0;
	ScanKeyData keys[2];
	CustodyScan scan;
	Leaf		leaf;

	memset(lookups, 0, sizeof(*lookups));
	custody_catalog_key_int8(&keys[0], Anum_leaf_leaf_index, BTGreaterEqualStrategyNumber, first);
	custody_catalog_key_int8(&keys[1], Anum_leaf_leaf_index, BTLessStrategyNumber,
							 first + CUSTODY_UNIT_LEAVES);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY, v->snapshot,
							   ForwardScanDirection, 2, keys);
	while (custody_catalog_scan_next(&scan))
	{
		uint64		bit;
		bool		again;

		CHECK_FOR_INTERRUPTS();
		custody_reader_leaf_row(&scan, &leaf.row);
		bit = UINT64CONST(1) << (leaf.row.leaf_index - first);
		again = (seen & bit) != 0;
		seen |= bit;
		MemoryContextReset(v->scratch);
		MemoryContextSwitchTo(v->scratch);
		if (again && (checked & bit) != 0)
		{
			/* Rows of one number follow each other: it was the last. */
			checked &= ~bit;
			add_lookups(lookups, &leaf.lookups, -1);
		}
		else if (!again && (wanted & bit) != 0 && check_leaf(v, &scan, sorted, &leaf))
		{
			checked |= bit;
			add_lookups(lookups, &leaf.lookups, 1);
		}
		MemoryContextSwitchTo(old);
	}
	custody_catalog_scan_end(&scan);
	return checked;
}

CustodyLookupSum
custody_part_lookups(CustodyVerify *v, int64 first, uint64 marked)
{
	CustodyLookupSum sum;

	(void) check_unit(v, first, marked, false, &sum);
	return sum;
}

/* Together */

static void
read_tables(CustodyVerify *v, CustodyAheadShared *shared, shm_toc *toc)
{
	for (int i = 0; i < shared->ntables; i++)
	{
		CustodyAheadTable *table = &shared->tables[i];
		CustodyLeafState *leaf = custody_state_leaf(v, table->relation_id, table->leaf);

		LockRelationOid(table->leaf, AccessShareLock);
		custody_state_open(v, custody_state_relation(v, table->relation_id), leaf);
		custody_verify_sets_want(v, leaf);
		leaf->shared_scan = shm_toc_lookup(toc, CUSTODY_AHEAD_KEY_SCANS + i, false);
		custody_state_scan(v, leaf, shared->sorted ? custody_state_live : custody_verify_sets_row);
		leaf->shared_scan = NULL;
		UnlockRelationOid(table->leaf, AccessShareLock);
	}
	custody_verify_sets_flush(v);
}

void
custody_part_run(CustodyVerify *v, CustodyAheadShared *shared, CustodyAheadUnit *units, shm_toc *toc)
{
	int64		unit;

	v->ahead = true;
	while ((unit = (int64) pg_atomic_fetch_add_u64(&shared->next, 1)) < shared->nunits)
		units[unit].checked = check_unit(v, shared->first + unit * CUSTODY_UNIT_LEAVES,
										 PG_UINT64_MAX, shared->sorted, &units[unit].lookups);
	read_tables(v, shared, toc);
	v->ahead = false;
}

/* A worker */

/* Know tables and versions as the leader does. */
static void
know_tables(CustodyVerify *v, CustodyAheadShared *shared, shm_toc *toc)
{
	CustodyAheadVersion *versions = shm_toc_lookup(toc, CUSTODY_AHEAD_KEY_VERSIONS, false);
	CustodyAheadLeaf *leaves = shm_toc_lookup(toc, CUSTODY_AHEAD_KEY_LEAVES, false);

	custody_verify_versions_init(v);
	for (int i = 0; i < shared->nversions; i++)
		custody_verify_version(v, versions[i].version)->leaf = versions[i].leaf;
	custody_verify_state_init(v);
	for (int i = 0; i < shared->nleaves; i++)
		custody_state_leaf(v, leaves[i].relation_id, leaves[i].leaf)->one_key = leaves[i].one_key;
}

static CustodyVerify *
worker_begin(CustodyAheadShared *shared, shm_toc *toc)
{
	CustodyVerify *v = palloc0(sizeof(CustodyVerify));

	v->context = CurrentMemoryContext;
	v->scratch = AllocSetContextCreate(v->context, "pg_custody verify scratch",
									   ALLOCSET_DEFAULT_SIZES);
	v->snapshot = GetActiveSnapshot();
	v->relation = shared->relation;
	v->protections = custody_schema_protections(v->snapshot);
	custody_verify_lookup_init(v);
	memcpy(custody_verify_lookup_key(v), shared->lookup_key, sizeof(shared->lookup_key));
	custody_verify_sets_init(v);
	know_tables(v, shared, toc);
	return v;
}

static void
join_sort(CustodyVerify *v, CustodyAheadShared *shared, dsm_segment *seg, shm_toc *toc)
{
	SortCoordinate coordinate = palloc0(sizeof(SortCoordinateData));

	coordinate->isWorker = true;
	coordinate->nParticipants = -1;
	coordinate->sharedsort = shm_toc_lookup(toc, CUSTODY_AHEAD_KEY_SORT, false);
	tuplesort_attach_shared(coordinate->sharedsort, seg);
	v->state->sort = custody_state_sort_begin(shared->memory, coordinate);
}

/* Hand over the sets of the tables read. */
static void
store_sets(CustodyVerify *v, CustodyAheadShared *shared, shm_toc *toc)
{
	cc_set	   *sets = shm_toc_lookup(toc, CUSTODY_AHEAD_KEY_SETS, false);

	for (int i = 0; i < shared->ntables; i++)
		sets[ParallelWorkerNumber * shared->ntables + i] =
			*custody_state_leaf(v, shared->tables[i].relation_id, shared->tables[i].leaf)->live_set;
}

void
custody_part_main(dsm_segment *seg, shm_toc *toc)
{
	CustodyAheadShared *shared = shm_toc_lookup(toc, CUSTODY_AHEAD_KEY_SHARED, false);
	CustodyVerify *v = worker_begin(shared, toc);

	if (shared->sorted)
		join_sort(v, shared, seg, toc);
	custody_part_run(v, shared, shm_toc_lookup(toc, CUSTODY_AHEAD_KEY_UNITS, false), toc);
	store_sets(v, shared, toc);
	custody_state_close(v);
	if (shared->sorted)
	{
		tuplesort_performsort(v->state->sort);
		tuplesort_end(v->state->sort);
	}
}
