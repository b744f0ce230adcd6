/*
 * verify_ahead.c
 *	  Verification reads ahead with parallel workers, verify_ahead.h: the
 *	  leader's part.
 *
 * Workers are PostgreSQL's own parallel workers, as many as
 * max_parallel_maintenance_workers, under the leader's snapshot; the leader
 * works beside them.  Where there are none, or little to read, nothing is read
 * ahead and the walk does it all.  The shared memory holds the sorted records,
 * so that it stays until they are merged.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/verify_ahead.h"

/* Workers */

static void
stop(CustodyVerifyAhead *a)
{
	DestroyParallelContext(a->context);
	ExitParallelMode();
}

/* Launch workers for what is wanted; NULL if there are none. */
static CustodyVerifyAhead *
launch(CustodyVerify *v, CustodyAheadShared *wanted)
{
	CustodyVerifyAhead *a = palloc0(sizeof(CustodyVerifyAhead));

	wanted->relation = v->relation;
	memcpy(wanted->lookup_key, custody_verify_lookup_key(v), sizeof(wanted->lookup_key));
	wanted->nversions = (int) hash_get_num_entries(v->versions);
	wanted->nleaves = (int) hash_get_num_entries(v->state->leaves);
	wanted->memory = Max(maintenance_work_mem / (max_parallel_maintenance_workers + 1), 64);
	EnterParallelMode();
	a->context = CreateParallelContext("pg_custody", "custody_part_main",
									   max_parallel_maintenance_workers);
	custody_share_estimate(v, wanted, a->context);
	InitializeParallelDSM(a->context);
	if (a->context->seg != NULL)
	{
		custody_share_store(v, a, wanted);
		LaunchParallelWorkers(a->context);
	}
	if (a->context->seg == NULL || a->context->nworkers_launched == 0)
	{
		stop(a);
		return NULL;
	}
	a->participants = a->context->nworkers_launched + 1;
	ereport(DEBUG1,
			(errmsg_internal("verification reads %lld units of leaves and %d tables ahead with %d workers",
							 (long long) wanted->nunits, wanted->ntables, a->context->nworkers_launched)));
	WaitForParallelWorkersToAttach(a->context);
	return a;
}

static void
join_sort(CustodyVerify *v, CustodyVerifyAhead *a)
{
	SortCoordinate coordinate = palloc0(sizeof(SortCoordinateData));

	coordinate->isWorker = true;
	coordinate->nParticipants = -1;
	coordinate->sharedsort = a->sort;
	v->state->sort = custody_state_sort_begin(a->shared->memory, coordinate);
}

/* Add the workers' sets to ours. */
static void
merge_sets(CustodyVerify *v, CustodyVerifyAhead *a)
{
	cc_set	   *sets = shm_toc_lookup(a->context->toc, CUSTODY_AHEAD_KEY_SETS, false);

	for (int i = 0; i < a->shared->ntables; i++)
	{
		CustodyAheadTable *table = &a->shared->tables[i];
		cc_set	   *ours = custody_state_leaf(v, table->relation_id, table->leaf)->live_set;

		for (int worker = 0; worker < a->context->nworkers_launched; worker++)
			cc_set_merge(ours, &sets[worker * a->shared->ntables + i]);
	}
}

static void
work(CustodyVerify *v, CustodyVerifyAhead *a)
{
	custody_part_run(v, a->shared, a->units, a->context->toc);
	WaitForParallelWorkersToFinish(a->context);
	merge_sets(v, a);
}

/* Read ahead what is wanted, if there is anything and anybody to do it. */
static CustodyVerifyAhead *
read_ahead(CustodyVerify *v, CustodyAheadShared *wanted)
{
	CustodyVerifyAhead *a = NULL;

	if (wanted->nunits > 0 || wanted->ntables > 0)
		a = launch(v, wanted);
	if (a == NULL)
	{
		for (int i = 0; i < wanted->ntables; i++)
			custody_state_leaf(v, wanted->tables[i].relation_id, wanted->tables[i].leaf)->read_ahead = false;
		return NULL;
	}
	if (wanted->sorted)
		join_sort(v, a);
	work(v, a);
	return a;
}

static bool
may_launch(void)
{
	return max_parallel_maintenance_workers > 0 && !IsInParallelMode();
}

void
custody_verify_ahead_tables(CustodyVerify *v)
{
	CustodyAheadShared *wanted = palloc0(sizeof(CustodyAheadShared));
	CustodyVerifyAhead *a;

	if (!may_launch())
		return;
	custody_share_tables(v, wanted);
	a = read_ahead(v, wanted);
	if (a != NULL)
		stop(a);
}

void
custody_verify_ahead_leaves(CustodyVerify *v)
{
	CustodyAheadShared *wanted = palloc0(sizeof(CustodyAheadShared));
	bool		settled = custody_verify_sets_settled(v);

	/* Where rows are to be compared beginning in the middle, their history is only read. */
	if (may_launch() && (v->since == 0 || settled))
	{
		wanted->first = v->since;
		wanted->sorted = !settled;
		custody_share_leaves(v, wanted);
		if (!settled)
			custody_share_tables(v, wanted);
		v->read_ahead = read_ahead(v, wanted);
	}
	if (v->read_ahead != NULL)
		v->read_ahead->taken = MemoryContextAllocExtended(v->context, sizeof(uint64) * (wanted->nunits + 1),
														  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (v->state->sort == NULL)
		v->state->sort = custody_state_sort_begin(maintenance_work_mem, NULL);
}

/* The walk */

static bool
has_unit(const CustodyVerifyAhead *a, int64 leaf_index)
{
	return a != NULL && leaf_index >= a->shared->first &&
		(leaf_index - a->shared->first) / CUSTODY_UNIT_LEAVES < a->shared->nunits;
}

static uint64
bit_of(const CustodyVerifyAhead *a, int64 leaf_index)
{
	return UINT64CONST(1) << ((leaf_index - a->shared->first) % CUSTODY_UNIT_LEAVES);
}

static int64
unit_of(const CustodyVerifyAhead *a, int64 leaf_index)
{
	return (leaf_index - a->shared->first) / CUSTODY_UNIT_LEAVES;
}

bool
custody_verify_ahead_take(CustodyVerify *v, int64 leaf_index)
{
	CustodyVerifyAhead *a = v->read_ahead;
	uint64		bit;

	if (!has_unit(a, leaf_index))
		return false;
	bit = bit_of(a, leaf_index);
	if ((a->units[unit_of(a, leaf_index)].checked & bit) == 0)
		return false;
	a->taken[unit_of(a, leaf_index)] |= bit;
	return true;
}

bool
custody_verify_ahead_taken(CustodyVerify *v, uint64 position)
{
	CustodyVerifyAhead *a = v->read_ahead;
	int64		leaf_index = (int64) position;

	return has_unit(a, leaf_index) &&
		(a->taken[unit_of(a, leaf_index)] & bit_of(a, leaf_index)) != 0;
}

void
custody_verify_ahead_lookups(CustodyVerify *v)
{
	CustodyVerifyAhead *a = v->read_ahead;

	for (int64 i = 0; a != NULL && i < a->shared->nunits; i++)
	{
		CustodyLookupSum sum = a->units[i].lookups;

		/* The sum is of the whole unit. */
		if (a->taken[i] != a->units[i].checked)
			sum = custody_part_lookups(v, a->shared->first + i * CUSTODY_UNIT_LEAVES, a->taken[i]);
		custody_verify_lookup_add(v, &sum);
	}
}

/* Sorting */

Tuplesortstate *
custody_verify_ahead_sorted(CustodyVerify *v)
{
	CustodyVerifyAhead *a = v->read_ahead;
	Tuplesortstate *sort = v->state->sort;
	SortCoordinate coordinate;

	v->state->sort = NULL;
	tuplesort_performsort(sort);
	if (a == NULL || !a->shared->sorted)
		return sort;
	tuplesort_end(sort);
	coordinate = palloc0(sizeof(SortCoordinateData));
	coordinate->isWorker = false;
	coordinate->nParticipants = a->participants;
	coordinate->sharedsort = a->sort;
	sort = custody_state_sort_begin(maintenance_work_mem, coordinate);
	tuplesort_performsort(sort);
	return sort;
}

void
custody_verify_ahead_end(CustodyVerify *v)
{
	if (v->read_ahead != NULL)
		stop(v->read_ahead);
	v->read_ahead = NULL;
}
