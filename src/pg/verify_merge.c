/*
 * verify_merge.c
 *	  The history of each row replayed, and compared with the row as it is.
 *
 * Records arrive sorted by table, key and place.  What one transaction says of
 * a row is taken together: triggers that change the row again can make the
 * entry of the outer change come after that of the inner one, and which came
 * first is told by what each of them overwrote.
 *
 * Where a table's rows have no key, equal rows are counted.
 *
 * Memory: v->scratch per key.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/verify_state.h"

/* Entries of one transaction about one row that are put in order. */
#define WINDOW 512

/* What is known of one key so far. */
typedef struct Group
{
	CustodyVerify *v;
	CustodyRelationState *relation;
	CustodyLeafState *leaf;
	CustodyStateRecord key;		/* its first record; only the sort key counts */
	bool		counted;		/* no key columns: count equal rows */
	/* replayed */
	bool		have;			/* the row is */
	int64		count;			/* counted: so many of them */
	bool		any;			/* 'last' is set */
	CustodyStateRecord last;	/* that said the row is */
	bool		was;			/* 'gone' is set */
	CustodyStateRecord gone;	/* last that said the row is gone */
	/* live rows */
	int64		live;
	CustodyStateRecord live_row;	/* first or, if counted, last */
	/* of one transaction */
	int			npending;
	CustodyStateRecord pending[WINDOW];
} Group;

typedef struct Merge
{
	CustodyVerify *v;
	uint16		pass;			/* era being resolved */
	Tuplesortstate *next;		/* later eras, NULL if none */
	Group		group;
} Merge;

/* Places */

static bool
precedes(uint64 position, uint64 entry_no, uint64 other_position, uint64 other_entry_no)
{
	return position < other_position ||
		(position == other_position && entry_no < other_entry_no);
}

/* Did all rows of the table go between two places? */
static bool
is_wiped(const CustodyLeafState *leaf, const CustodyStateRecord *from,
		 uint64 position, uint64 entry_no)
{
	int			low = 0;
	int			high = leaf->nwipes;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (precedes(from->position, from->entry_no, leaf->wipes[middle].position,
					 leaf->wipes[middle].entry_no))
			high = middle;
		else
			low = middle + 1;
	}
	return low < leaf->nwipes &&
		precedes(leaf->wipes[low].position, leaf->wipes[low].entry_no, position, entry_no);
}

static int
compare_wipes(const void *a, const void *b)
{
	const CustodyWipe *x = a;
	const CustodyWipe *y = b;

	return precedes(x->position, x->entry_no, y->position, y->entry_no) ? -1 : 1;
}

/* Findings */

static const cc_schema *
version_schema(CustodyVerify *v, uint32 number)
{
	CustodyVerifyVersion *version = custody_verify_version(v, number);

	return version != NULL && version->readable ? &version->schema : NULL;
}

/*
 * Report about a row.  Where entries of the table have withheld keys, what
 * looks like tampering may be what they said.
 */
static void
report_row(Group *g, const char *code, Datum row_key, const CustodyStateRecord *proof,
		   const char *message)
{
	CustodyFinding f = {CUSTODY_TAMPERING, code};
	CustodyPlace place = {0};

	f.relation = custody_verify_relname(g->relation->protection->relid);
	f.row_key = row_key;
	f.leaf_index = CUSTODY_NO_LEAF;
	f.message = message;
	if (g->relation->unplaced > 0)
	{
		f.severity = CUSTODY_NOTICE;
		f.message = psprintf("%s, unless an erased entry says so", message);
	}
	if (proof != NULL)
	{
		if (proof->flags & CUSTODY_STATE_SEALED)
			f.leaf_index = (int64) proof->position;
		place.txn_no = proof->txn_no;
		place.entry_no = (int64) proof->entry_no;
		f.detail = custody_verify_where(&place);
	}
	custody_verify_report(g->v, &f);
}

/* Row key of the row an entry recorded, 0 if its values are withheld. */
static Datum
entry_key(Group *g, const CustodyStateRecord *r)
{
	const cc_schema *s = version_schema(g->v, r->version);
	cc_value   *values = s ? custody_rows_entry(g->v, r) : NULL;

	return values ? custody_verify_row_key_of(s, values) : (Datum) 0;
}

static Datum
live_key(Group *g, const CustodyStateRecord *r)
{
	cc_value   *values = custody_rows_live(g->v, g->leaf, r);

	return values ? custody_verify_row_key_of(&g->leaf->layout, values) : (Datum) 0;
}

static void
report_missing(Group *g)
{
	report_row(g, "row_missing", entry_key(g, &g->last), &g->last,
			   g->counted ? psprintf("%lld recorded rows are not in the table",
									 (long long) (g->count - g->live)) :
			   "a recorded row is not in the table");
}

static void
report_extra(Group *g, const CustodyStateRecord *live)
{
	const CustodyStateRecord *proof = NULL;
	const char *message = "a row of the table was never recorded";

	if (g->counted)
	{
		if (g->live - g->count > 1)
			message = psprintf("%lld rows of the table were never recorded",
							   (long long) (g->live - g->count));
	}
	else if (g->have)
		message = "a row of the table has the same key as another";
	else if (g->was)
	{
		message = "a row of the table was recorded as deleted";
		proof = &g->gone;
	}
	report_row(g, "row_extra", live_key(g, live), proof, message);
}

/* Overwritten rows */

static bool
opens(const CustodyStateRecord *r, const uint8 digest[CC_DIGEST_SIZE])
{
	uint8		commitment[CC_DIGEST_SIZE];

	cc_overwritten_commitment(commitment, r->salt, digest);
	return cc_equal(commitment, r->overwritten, CC_DIGEST_SIZE);
}

/*
 * Is what the record overwrote the row as it was recorded before?  Yes, too,
 * where that cannot be known.
 */
static bool
overwrote(CustodyVerify *v, const CustodyStateRecord *before, const CustodyStateRecord *r)
{
	const cc_schema *from;
	const cc_schema *to;
	cc_value   *readings[2];
	int			n;

	if ((before->flags & CUSTODY_STATE_DIGEST) == 0 ||
		(r->flags & CUSTODY_STATE_OVERWRITTEN) == 0 ||
		opens(r, before->digest))
		return true;
	from = version_schema(v, before->version);
	to = version_schema(v, r->version);
	if (from == NULL || to == NULL)
		return true;
	if (custody_rows_same_layout(from, to))
		return false;
	n = custody_rows_convert(v, before, to, r->version, readings);
	for (int i = 0; i < n; i++)
	{
		uint8		digest[CC_DIGEST_SIZE];

		cc_row_digest(digest, readings[i], to->ncolumns);
		if (opens(r, digest))
			return true;
	}
	return n == 0;
}

/* Key of the row a record is about, from what stands nearest. */
static Datum
nearest_key(Group *g, const CustodyStateRecord *r)
{
	return entry_key(g, r->what == CUSTODY_STATE_GONE && g->any ? &g->last : r);
}

static void
check_overwritten(Group *g, const CustodyStateRecord *r)
{
	if ((r->flags & CUSTODY_STATE_OVERWRITTEN) == 0 ||
		r->position < (uint64) g->v->since)
		return;
	if (!g->have)
		report_row(g, "overwritten_mismatch", nearest_key(g, r), r,
				   "this entry changed a row that was never recorded");
	else if (!overwrote(g->v, &g->last, r))
		report_row(g, "overwritten_mismatch", nearest_key(g, r), r,
				   "the row was changed without an entry before this one");
}

/* Replay */

/* Is it the next step from where the row stands? */
static bool
follows(Group *g, const CustodyStateRecord *r)
{
	if (!g->have || g->counted)
		return r->what == CUSTODY_STATE_NEW;
	return r->what != CUSTODY_STATE_NEW && overwrote(g->v, &g->last, r);
}

static void
apply_counted(Group *g, const CustodyStateRecord *r)
{
	if (g->any && is_wiped(g->leaf, &g->last, r->position, r->entry_no))
		g->count = 0;
	if (r->what == CUSTODY_STATE_NEW)
		g->count += r->count;
	else if (r->what == CUSTODY_STATE_GONE && g->count > 0)
		g->count--;
	else if (r->what == CUSTODY_STATE_GONE)
		check_overwritten(g, r);
	g->have = g->count > 0;
	if (r->what != CUSTODY_STATE_GONE)
	{
		g->last = *r;
		g->any = true;
	}
}

static void
apply_keyed(Group *g, const CustodyStateRecord *r)
{
	if (g->have && is_wiped(g->leaf, &g->last, r->position, r->entry_no))
		g->have = false;
	if (r->what == CUSTODY_STATE_NEW && g->have &&
		(r->flags & CUSTODY_STATE_BASELINE) == 0)
		report_row(g, "overwritten_mismatch", nearest_key(g, r), r,
				   "the row was removed without an entry before this one");
	else if (r->what != CUSTODY_STATE_NEW)
		check_overwritten(g, r);
	g->have = r->what != CUSTODY_STATE_GONE;
	if (g->have)
	{
		g->last = *r;
		g->any = true;
	}
	else
	{
		g->gone = *r;
		g->was = true;
	}
}

/* Apply one pending record: the first that follows, else the first. */
static void
apply_one(Group *g)
{
	int			chosen = 0;

	if (g->npending > 1)
		while (chosen < g->npending && !follows(g, &g->pending[chosen]))
			chosen++;
	if (chosen == g->npending)
		chosen = 0;
	if (g->counted)
		apply_counted(g, &g->pending[chosen]);
	else
		apply_keyed(g, &g->pending[chosen]);
	g->npending--;
	memmove(&g->pending[chosen], &g->pending[chosen + 1],
			(g->npending - chosen) * sizeof(CustodyStateRecord));
}

static void
flush_pending(Group *g)
{
	while (g->npending > 0)
		apply_one(g);
}

static void
add_entry(Group *g, const CustodyStateRecord *r)
{
	if (g->npending > 0 && g->pending[0].position != r->position)
		flush_pending(g);
	if (g->npending == WINDOW)
		apply_one(g);
	g->pending[g->npending++] = *r;
}

/* Live rows */

static void
report_changed(Group *g, const CustodyStateRecord *live, cc_value *recorded)
{
	cc_value   *values = custody_rows_live(g->v, g->leaf, live);
	const cc_schema *s = &g->leaf->layout;
	char	   *columns;

	if (values == NULL)
		return;
	columns = recorded ? custody_rows_differences(s, recorded, values) : "";
	report_row(g, "row_changed", custody_verify_row_key_of(s, values), &g->last,
			   columns[0] == '\0' ? "the row is not as it was last recorded" :
			   psprintf("columns not as last recorded: %s", columns));
}

static void
compare_live(Group *g, const CustodyStateRecord *live)
{
	const cc_schema *from = version_schema(g->v, g->last.version);
	const cc_schema *to = &g->leaf->layout;
	cc_value   *readings[2];
	int			n;

	if ((g->last.flags & CUSTODY_STATE_DIGEST) == 0 || from == NULL)
		return;
	if (cc_equal(g->last.digest, live->digest, CC_DIGEST_SIZE) &&
		custody_rows_same_layout(from, to))
		return;
	n = custody_rows_convert(g->v, &g->last, to, PG_UINT32_MAX, readings);
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
end_replay(Group *g)
{
	flush_pending(g);
	if (g->any && is_wiped(g->leaf, &g->last, PG_UINT64_MAX, 0))
	{
		g->have = false;
		g->count = 0;
	}
}

static void
add_live(Group *g, const CustodyStateRecord *r)
{
	end_replay(g);
	g->live++;
	if (g->counted)
		g->live_row = *r;
	else if (g->have && g->live == 1)
		compare_live(g, r);
	else
		report_extra(g, r);
}

/* Eras */

static Tuplesortstate *
next_sort(Merge *m)
{
	if (m->next == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(m->v->context);

		m->next = custody_state_sort_begin();
		MemoryContextSwitchTo(old);
	}
	return m->next;
}

/* What still stands goes on under the key columns of the next era. */
static void
carry(Merge *m)
{
	Group	   *g = &m->group;
	const CustodyEra *era = &g->leaf->eras[m->pass + 1];
	CustodyStateRecord r = g->last;
	cc_value   *readings[2];

	if (!g->have || is_wiped(g->leaf, &g->last, era->position, era->entry_no))
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
	Group	   *g = &m->group;

	if (g->leaf == NULL)
		return;
	flush_pending(g);
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
		report_extra(g, &g->live_row);
	else if (g->counted ? g->count > g->live : g->have && g->live == 0)
		report_missing(g);
}

static void
begin_group(Merge *m, const CustodyStateRecord *r)
{
	Group	   *g = &m->group;

	MemoryContextReset(m->v->scratch);
	g->v = m->v;
	g->relation = custody_state_relation(m->v, r->relation_id);
	g->leaf = custody_state_leaf(m->v, r->relation_id, r->leaf);
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

static void
add_record(Merge *m, const CustodyStateRecord *r)
{
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
		add_entry(&m->group, r);
}

static void
sort_wipes(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	CustodyLeafState *leaf;

	hash_seq_init(&seq, v->state->leaves);
	while ((leaf = hash_seq_search(&seq)) != NULL)
		if (leaf->nwipes > 1)
			qsort(leaf->wipes, leaf->nwipes, sizeof(CustodyWipe), compare_wipes);
}

/* One pass for each era; nearly always there is one. */
void
custody_verify_merge(CustodyVerify *v)
{
	Merge	   *m = palloc0(sizeof(Merge));
	Tuplesortstate *sort = v->state->sort;
	MemoryContext old;
	CustodyStateRecord r;

	m->v = v;
	sort_wipes(v);
	for (; sort != NULL; m->pass++)
	{
		m->next = NULL;
		m->group.leaf = NULL;
		tuplesort_performsort(sort);
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
	}
	v->state->sort = NULL;
}
