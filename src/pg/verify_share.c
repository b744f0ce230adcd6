/*
 * verify_share.c
 *	  What verification reads ahead, verify_ahead.h, and the shared memory that
 *	  says so.
 *
 * Everything a worker needs to agree with the leader on (the numbers of tables,
 * which table a version is of) is handed to it, since catalogs can change meanwhile.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "optimizer/paths.h"
#include "storage/bufmgr.h"

#include "pg/catalog.h"
#include "pg/verify_ahead.h"

/* What there is to read */

static BlockNumber
pages_of(CustodyRel rel)
{
	Relation	heap = table_open(custody_catalog_relid(rel), AccessShareLock);
	BlockNumber pages = RelationGetNumberOfBlocks(heap);

	table_close(heap, AccessShareLock);
	return pages;
}

/*
 * One beyond the last leaf; a number that log_leaf is too small to hold was
 * altered, and what lies beyond is left to the walk.
 */
static int64
end_of_leaves(CustodyVerify *v)
{
	CustodyScan scan;
	int64		end = 0;
	int64		most = (int64) pages_of(CUSTODY_LOG_LEAF) * MaxHeapTuplesPerPage;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_LEAF, CUSTODY_LEAF_PKEY, v->snapshot,
							   BackwardScanDirection, 0, NULL);
	if (custody_catalog_scan_next(&scan))
		end = DatumGetInt64(custody_catalog_get(&scan, Anum_leaf_leaf_index));
	custody_catalog_scan_end(&scan);
	return end >= most ? most : end + 1;
}

/* May workers read it, and is it worth their while? */
static bool
is_shared_out(const CustodyLeafState *leaf)
{
	/* Types of unknown origin are rendered by one process alone. */
	return !custody_canonical_needs_full(leaf->renderer) &&
		RelationGetNumberOfBlocks(leaf->rel) >= (BlockNumber) min_parallel_table_scan_size;
}

void
custody_share_tables(CustodyVerify *v, CustodyAheadShared *wanted)
{
	HASH_SEQ_STATUS seq;
	CustodyRelationState *relation;
	ListCell   *lc;

	hash_seq_init(&seq, v->state->relations);
	while ((relation = hash_seq_search(&seq)) != NULL)
	{
		if (!relation->present)
			continue;
		foreach(lc, custody_schema_leaves(relation->protection->relid, NoLock))
		{
			CustodyLeafState *leaf = custody_state_leaf(v, relation->relation_id, lfirst_oid(lc));

			custody_state_open(v, relation, leaf);
			if (wanted->ntables == CUSTODY_AHEAD_TABLES || !is_shared_out(leaf))
				continue;
			wanted->tables[wanted->ntables].relation_id = relation->relation_id;
			wanted->tables[wanted->ntables++].leaf = leaf->id.leaf;
			leaf->read_ahead = true;
		}
	}
}

void
custody_share_leaves(CustodyVerify *v, CustodyAheadShared *wanted)
{
	int64		end = end_of_leaves(v);
	double		pages = (double) pages_of(CUSTODY_LOG_TRANSACTION) + pages_of(CUSTODY_LOG_CHUNK);

	if (end > v->since && pages * (end - v->since) / end >= min_parallel_table_scan_size)
		wanted->nunits = (end - v->since + CUSTODY_UNIT_LEAVES - 1) / CUSTODY_UNIT_LEAVES;
}

/* Shared memory */

static void
estimate(shm_toc_estimator *e, Size size)
{
	shm_toc_estimate_chunk(e, size);
	shm_toc_estimate_keys(e, 1);
}

static Size
sets_size(const CustodyAheadShared *wanted, int nworkers)
{
	return mul_size(sizeof(cc_set), (Size) nworkers * wanted->ntables);
}

void
custody_share_estimate(CustodyVerify *v, const CustodyAheadShared *wanted, ParallelContext *context)
{
	shm_toc_estimator *e = &context->estimator;

	estimate(e, sizeof(CustodyAheadShared));
	estimate(e, mul_size(sizeof(CustodyAheadUnit), wanted->nunits));
	estimate(e, mul_size(sizeof(CustodyAheadVersion), wanted->nversions));
	estimate(e, mul_size(sizeof(CustodyAheadLeaf), wanted->nleaves));
	estimate(e, sets_size(wanted, context->nworkers));
	estimate(e, tuplesort_estimate_shared(context->nworkers + 1));
	for (int i = 0; i < wanted->ntables; i++)
		estimate(e, table_parallelscan_estimate(custody_state_leaf(v, wanted->tables[i].relation_id, wanted->tables[i].leaf)->rel,
												v->snapshot));
}

static void *
part(ParallelContext *context, uint64 key, Size size)
{
	void	   *room = shm_toc_allocate(context->toc, size);

	shm_toc_insert(context->toc, key, room);
	return room;
}

static void
store_versions(CustodyVerify *v, CustodyAheadVersion *versions)
{
	HASH_SEQ_STATUS seq;
	CustodyVerifyVersion *version;

	hash_seq_init(&seq, v->versions);
	while ((version = hash_seq_search(&seq)) != NULL)
	{
		versions->version = version->version;
		versions++->leaf = version->leaf;
	}
}

static int
compare_numbers(const ListCell *a, const ListCell *b)
{
	return (int) ((CustodyLeafState *) lfirst(a))->number - (int) ((CustodyLeafState *) lfirst(b))->number;
}

static void
store_leaves(CustodyVerify *v, CustodyAheadLeaf *leaves)
{
	HASH_SEQ_STATUS seq;
	CustodyLeafState *leaf;
	List	   *in_order = NIL;
	ListCell   *lc;

	hash_seq_init(&seq, v->state->leaves);
	while ((leaf = hash_seq_search(&seq)) != NULL)
		in_order = lappend(in_order, leaf);
	list_sort(in_order, compare_numbers);
	foreach(lc, in_order)
	{
		leaf = lfirst(lc);
		leaves->relation_id = leaf->id.relation_id;
		leaves->leaf = leaf->id.leaf;
		leaves++->one_key = leaf->one_key;
	}
}

static void
store_scans(CustodyVerify *v, const CustodyAheadShared *wanted, ParallelContext *context)
{
	for (int i = 0; i < wanted->ntables; i++)
	{
		Relation	rel = custody_state_leaf(v, wanted->tables[i].relation_id, wanted->tables[i].leaf)->rel;

		table_parallelscan_initialize(rel, part(context, CUSTODY_AHEAD_KEY_SCANS + i,
												table_parallelscan_estimate(rel, v->snapshot)),
									  v->snapshot);
	}
}

void
custody_share_store(CustodyVerify *v, CustodyVerifyAhead *a, const CustodyAheadShared *wanted)
{
	ParallelContext *context = a->context;
	Size		units = mul_size(sizeof(CustodyAheadUnit), wanted->nunits);

	a->shared = part(context, CUSTODY_AHEAD_KEY_SHARED, sizeof(CustodyAheadShared));
	*a->shared = *wanted;
	pg_atomic_init_u64(&a->shared->next, 0);
	a->units = part(context, CUSTODY_AHEAD_KEY_UNITS, units);
	memset(a->units, 0, units);
	store_versions(v, part(context, CUSTODY_AHEAD_KEY_VERSIONS,
						   mul_size(sizeof(CustodyAheadVersion), wanted->nversions)));
	store_leaves(v, part(context, CUSTODY_AHEAD_KEY_LEAVES,
						 mul_size(sizeof(CustodyAheadLeaf), wanted->nleaves)));
	(void) part(context, CUSTODY_AHEAD_KEY_SETS, sets_size(wanted, context->nworkers));
	a->sort = part(context, CUSTODY_AHEAD_KEY_SORT,
				   tuplesort_estimate_shared(context->nworkers + 1));
	tuplesort_initialize_shared(a->sort, context->nworkers + 1, context->seg);
	store_scans(v, wanted, context);
}
