/*
 * verify_replay.c
 *	  The history of one row replayed from its entries.
 *
 * What one transaction says of a row is taken together: triggers that change
 * the row again can make the entry of the outer change come after that of the
 * inner one, and which came first is told by what each of them overwrote.
 *
 * Where a table's rows have no key, equal rows are counted.
 *
 * Memory: v->scratch, reset per key by the caller.
 */
#include "postgres.h"

#include "pg/verify_group.h"

/* Places */

static bool
precedes(uint64 position, uint64 entry_no, uint64 other_position, uint64 other_entry_no)
{
	return position < other_position ||
		(position == other_position && entry_no < other_entry_no);
}

/* Did all rows of the table go between two places? */
bool
custody_group_is_wiped(const CustodyLeafState *leaf, const CustodyStateRecord *from,
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

int
custody_group_compare_wipes(const void *a, const void *b)
{
	const CustodyWipe *x = a;
	const CustodyWipe *y = b;

	return precedes(x->position, x->entry_no, y->position, y->entry_no) ? -1 : 1;
}

/* Findings */

const cc_schema *
custody_group_schema(CustodyVerify *v, uint32 number)
{
	CustodyVerifyVersion *version = custody_verify_version(v, number);

	return version != NULL && version->readable ? &version->schema : NULL;
}

/*
 * Report about a row.  Where entries of the table have withheld keys, what
 * looks like tampering may be what they said.
 */
void
custody_group_report(CustodyGroup *g, const char *code, Datum row_key, const CustodyStateRecord *proof,
					 const char *message)
{
	CustodyFinding f = {CUSTODY_TAMPERING, code};
	CustodyPlace place = {0};

	g->leaf->reported = true;
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
entry_key(CustodyGroup *g, const CustodyStateRecord *r)
{
	const cc_schema *s = custody_group_schema(g->v, r->version);
	cc_value   *values = s ? custody_rows_entry(g->v, r) : NULL;

	return values ? custody_verify_row_key_of(s, values) : (Datum) 0;
}

static Datum
live_key(CustodyGroup *g, const CustodyStateRecord *r)
{
	cc_value   *values = custody_rows_live(g->v, g->leaf, r);

	return values ? custody_verify_row_key_of(&g->leaf->layout, values) : (Datum) 0;
}

void
custody_group_report_missing(CustodyGroup *g)
{
	custody_group_report(g, "row_missing", entry_key(g, &g->last), &g->last,
						 g->counted ? psprintf("%lld recorded rows are not in the table",
						 (long long) (g->count - g->live)) :
						 "a recorded row is not in the table");
}

void
custody_group_report_extra(CustodyGroup *g, const CustodyStateRecord *live)
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
	custody_group_report(g, "row_extra", live_key(g, live), proof, message);
}

/* Overwritten rows */

static bool
is_overwritten(const CustodyStateRecord *r, const uint8 digest[CC_DIGEST_SIZE])
{
	return cc_equal(digest, r->overwritten, CC_DIGEST_SIZE);
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
		is_overwritten(r, before->digest))
		return true;
	from = custody_group_schema(v, before->version);
	to = custody_group_schema(v, r->version);
	if (from == NULL || to == NULL)
		return true;
	if (custody_rows_same_layout(from, to))
		return false;
	n = custody_rows_convert(v, before, to, r->version, readings);
	for (int i = 0; i < n; i++)
	{
		uint8		digest[CC_DIGEST_SIZE];

		cc_row_digest(digest, readings[i], to->ncolumns);
		if (is_overwritten(r, digest))
			return true;
	}
	return n == 0;
}

/* Key of the row a record is about, from what stands nearest. */
static Datum
nearest_key(CustodyGroup *g, const CustodyStateRecord *r)
{
	return entry_key(g, r->what == CUSTODY_STATE_GONE && g->any ? &g->last : r);
}

static void
check_overwritten(CustodyGroup *g, const CustodyStateRecord *r)
{
	if ((r->flags & CUSTODY_STATE_OVERWRITTEN) == 0 ||
		r->position < (uint64) g->v->since)
		return;
	if (!g->have)
		custody_group_report(g, "overwritten_mismatch", nearest_key(g, r), r,
							 "this entry changed a row that was never recorded");
	else if (!overwrote(g->v, &g->last, r))
		custody_group_report(g, "overwritten_mismatch", nearest_key(g, r), r,
							 "the row was changed without an entry before this one");
}

/* Replay */

/* Is it the next step from where the row stands? */
static bool
follows(CustodyGroup *g, const CustodyStateRecord *r)
{
	if (!g->have || g->counted)
		return r->what == CUSTODY_STATE_NEW;
	return r->what != CUSTODY_STATE_NEW && overwrote(g->v, &g->last, r);
}

static void
apply_counted(CustodyGroup *g, const CustodyStateRecord *r)
{
	if (g->any && custody_group_is_wiped(g->leaf, &g->last, r->position, r->entry_no))
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
apply_keyed(CustodyGroup *g, const CustodyStateRecord *r)
{
	if (g->have && custody_group_is_wiped(g->leaf, &g->last, r->position, r->entry_no))
		g->have = false;
	if (r->what == CUSTODY_STATE_NEW && g->have &&
		(r->flags & CUSTODY_STATE_BASELINE) == 0)
		custody_group_report(g, "overwritten_mismatch", nearest_key(g, r), r,
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
apply_one(CustodyGroup *g)
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

void
custody_group_flush(CustodyGroup *g)
{
	while (g->npending > 0)
		apply_one(g);
}

void
custody_group_add(CustodyGroup *g, const CustodyStateRecord *r)
{
	if (g->npending > 0 && g->pending[0].position != r->position)
		custody_group_flush(g);
	if (g->npending == CUSTODY_GROUP_WINDOW)
		apply_one(g);
	g->pending[g->npending++] = *r;
}
