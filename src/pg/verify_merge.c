/*
 * verify_merge.c
 *	  Rows as their entries leave them against rows as they are.
 *
 * Records arrive sorted by table, key and place, the live rows last, so that
 * all that concerns one row comes together.  When a table's key columns
 * change, what still stands is carried over into a further sort.
 *
 * Memory: v->scratch per key.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/verify_group.h"

typedef struct Merge
{
	CustodyVerify *v;
	uint16		pass;			/* era being resolved */
	Tuplesortstate *next;		/* later eras, NULL if none */
	CustodyGroup group;
	CustodyRelationState *relation;	/* of the last record */
	CustodyLeafState *leaf;			/* NULL: there was none */
} Merge;

/* Live rows */

static void
report_changed(CustodyGroup *g, const CustodyStateRecord *live, cc_value *recorded)
{
	cc_value   *values = custody_rows_live(g->v, g->leaf, live);
	const cc_schema *s = &g->leaf->layout;
	char	   *columns;

	if (values == NULL)
		return;
	columns = recorded ? custody_rows_differences(s, recorded, values) : "";
	custody_group_report(g, "row_changed", custody_verify_row_key_of(s, values), &g->last,
						 columns[0] == '\0' ? "the row is not as it was last recorded" :
						 psprintf("columns not as last recorded: %s", columns));
}

static void
compare_live(CustodyGroup *g, const CustodyStateRecord *live)
{
	const cc_schema *from = custody_group_schema(g->v, g->last.version);
	const cc_schema *to = &g->leaf->layout;
	cc_value   *readings[2];
	int			n;

	if ((g->last.flags & CUSTODY_STATE_DIGEST) == 0 || from == NULL)
		return;
	if (cc_equal(g->last.digest, live->digest, CC_DIGEST_SIZE) &&
		custody_rows_same_layout(from, to))
		return;
	n = custody_rows_convert(g->v, &g->last, custody_rows_recorded_layout(g->v, g->leaf),
							 PG_UINT32_MAX, readings);
	for (int i = 0; i < n; i++)
	{
		uint8		digest[CC_DIGEST_SIZE];

		cc_row_digest(digest, readings[i], to->ncolumns);
		if (cc_equal(digest, live->digest, CC_DIGEST_SIZE))
			return;
	}
	report_changed(g, live, n > 0 ? readings[n - 1] : NULL);
}

static void
end_replay(CustodyGroup *g)
{
	custody_group_flush(g);
	if (g->any && custody_group_is_wiped(g->leaf, &g->last, PG_UINT64_MAX, 0))
	{
		g->have = false;
		g->count = 0;
	}
}

static void
add_live(CustodyGroup *g, const CustodyStateRecord *r)
{
	end_replay(g);
	g->live++;
	if (g->counted)
		g->live_row = *r;
	else if (g->have && g->live == 1)
		compare_live(g, r);
	else
		custody_group_report_extra(g, r);
}

/* Eras */

static Tuplesortstate *
next_sort(Merge *m)
{
	if (m->next == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(m->v->context);

		m->next = custody_state_sort_begin(maintenance_work_mem, NULL);
		MemoryContextSwitchTo(old);
	}
	return m->next;
}

/* What still stands goes on under the key columns of the next era. */
static void
carry(Merge *m)
{
	CustodyGroup	   *g = &m->group;
	const CustodyEra *era = &g->leaf->eras[m->pass + 1];
	CustodyStateRecord r = g->last;
	cc_value   *readings[2];

	if (!g->have || custody_group_is_wiped(g->leaf, &g->last, era->position, era->entry_no))
		return;
	if (custody_rows_convert(g->v, &g->last, era->schema, era->version, readings) == 0)
	{
		g->relation->unplaced++;
		return;
	}
	r.era = m->pass + 1;
	r.what = CUSTODY_STATE_NEW;
	r.flags &= ~CUSTODY_STATE_OVERWRITTEN;
	r.flags |= CUSTODY_STATE_BASELINE;
	r.count = g->counted ? (uint32) g->count : 1;
	cc_key_digest(r.key, r.relation_id, readings[1], cc_schema_key_positions(era->schema),
				  cc_schema_key_count(era->schema));
	custody_state_put(next_sort(m), &r);
}

/* Groups */

static void
end_group(Merge *m)
{
	CustodyGroup	   *g = &m->group;

	if (g->leaf == NULL)
		return;
	custody_group_flush(g);
	if (m->pass + 1 < g->leaf->neras)
	{
		carry(m);
		return;
	}
	end_replay(g);
	/* A table that is gone was reported as one. */
	if (!g->leaf->live && !g->relation->present)
		return;
	if (g->counted && g->live > g->count)
		custody_group_report_extra(g, &g->live_row);
	else if (g->counted ? g->count > g->live : g->have && g->live == 0)
		custody_group_report_missing(g);
}

static void
begin_group(Merge *m, const CustodyStateRecord *r)
{
	CustodyGroup	   *g = &m->group;

	MemoryContextReset(m->v->scratch);
	g->v = m->v;
	g->relation = m->relation;
	g->leaf = m->leaf;
	g->key = *r;
	g->counted = g->leaf->eras[r->era].schema->key_kind == CC_KEY_WHOLE_ROW;
	g->have = g->any = g->was = false;
	g->count = g->live = 0;
	g->npending = 0;
}

static bool
same_group(const CustodyStateRecord *a, const CustodyStateRecord *b)
{
	return a->relation_id == b->relation_id && a->leaf == b->leaf && a->era == b->era &&
		memcmp(a->key, b->key, CC_DIGEST_SIZE) == 0;
}

/*
 * Does it count?  Of what was read ahead, the walk may have passed over a leaf,
 * and a table may have turned out to be none that is compared.
 */
static bool
counts(const Merge *m, const CustodyStateRecord *r)
{
	if (r->what == CUSTODY_STATE_LIVE)
		return m->leaf->judged;
	return (r->flags & CUSTODY_STATE_AHEAD) == 0 || custody_verify_ahead_taken(m->v, r->position);
}

/* Look up the record's table, unless it is that of the one before. */
static void
find_table(Merge *m, const CustodyStateRecord *r)
{
	if (m->leaf != NULL && m->leaf->id.relation_id == r->relation_id && m->leaf->id.leaf == r->leaf)
		return;
	m->relation = custody_state_relation(m->v, r->relation_id);
	m->leaf = custody_state_leaf(m->v, r->relation_id, r->leaf);
}

static void
add_record(Merge *m, CustodyStateRecord *r)
{
	find_table(m, r);
	if (!counts(m, r))
		return;
	if (r->era == CUSTODY_LAST_ERA)
		r->era = (uint16) (m->leaf->neras - 1);
	if (r->era > m->pass)
	{
		custody_state_put(next_sort(m), r);
		return;
	}
	if (m->group.leaf == NULL || !same_group(&m->group.key, r))
	{
		end_group(m);
		begin_group(m, r);
	}
	if (r->what == CUSTODY_STATE_LIVE)
		add_live(&m->group, r);
	else
		custody_group_add(&m->group, r);
}

static void
sort_wipes(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	CustodyLeafState *leaf;

	hash_seq_init(&seq, v->state->leaves);
	while ((leaf = hash_seq_search(&seq)) != NULL)
		if (leaf->nwipes > 1)
			qsort(leaf->wipes, leaf->nwipes, sizeof(CustodyWipe), custody_group_compare_wipes);
}

/* One pass for each era; nearly always there is one. */
void
custody_verify_merge(CustodyVerify *v)
{
	Merge	   *m = palloc0(sizeof(Merge));
	Tuplesortstate *sort = custody_verify_ahead_sorted(v);
	MemoryContext old;
	CustodyStateRecord r;

	m->v = v;
	sort_wipes(v);
	for (; sort != NULL; m->pass++)
	{
		m->next = NULL;
		m->group.leaf = NULL;
		while (custody_state_get(sort, &r))
		{
			CHECK_FOR_INTERRUPTS();
			old = MemoryContextSwitchTo(v->scratch);
			add_record(m, &r);
			MemoryContextSwitchTo(old);
		}
		old = MemoryContextSwitchTo(v->scratch);
		end_group(m);
		MemoryContextSwitchTo(old);
		tuplesort_end(sort);
		sort = m->next;
		if (sort != NULL)
			tuplesort_performsort(sort);
	}
	v->state->sort = NULL;
}
