/*
 * verify_rows.c
 *	  Values of entries and of live rows, for custody.verify().
 *
 * Only needed where digests do not settle a comparison: layouts differ, or the
 * row does.  Everything is allocated in the current context.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "core/convert.h"
#include "pg/reader.h"
#include "pg/verify_state.h"

static bool
same_text(cc_slice a, cc_slice b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

bool
custody_rows_same_layout(const cc_schema *a, const cc_schema *b)
{
	if (a == b)
		return true;
	if (a->ncolumns != b->ncolumns)
		return false;
	for (int i = 0; i < a->ncolumns; i++)
		if (!same_text(a->columns[i].name, b->columns[i].name) ||
			!same_text(a->columns[i].type, b->columns[i].type))
			return false;
	return true;
}

bool
custody_rows_same_key(const cc_schema *a, const cc_schema *b)
{
	if (a == b)
		return true;
	if (a->key_kind != b->key_kind)
		return false;
	if (a->key_kind == CC_KEY_WHOLE_ROW)
		return custody_rows_same_layout(a, b);
	if (a->nkeys != b->nkeys)
		return false;
	for (int i = 0; i < a->nkeys; i++)
		if (!same_text(a->columns[a->key_positions[i]].name,
					   b->columns[b->key_positions[i]].name))
			return false;
	return true;
}

/* Entries */

/* Decode an entry's private part, over a copy that outlives the chunk. */
static cc_value *
decode_values(CustodyVerify *v, const CustodyEntryWalk *walk)
{
	const cc_entry *e = &walk->head;
	cc_private	p;
	CustodyVerifyVersion *version;
	char	   *copy;
	size_t		capacity;

	if (!cc_kind_has_row(e->kind))
		return NULL;
	version = custody_verify_version(v, e->version);
	if (version == NULL || !version->readable)
		return NULL;
	capacity = version->schema.ncolumns + 1;
	memset(&p, 0, sizeof(p));
	p.values = palloc(capacity * sizeof(cc_value));
	p.old_key = palloc(capacity * sizeof(cc_value));
	p.values_capacity = capacity;
	copy = palloc(walk->private_part.len + 1);
	memcpy(copy, walk->private_part.data, walk->private_part.len);
	if (cc_private_decode(&p, e, &version->schema, copy, walk->private_part.len) != CC_OK ||
		p.form != CC_PRIVATE_WHOLE)
		return NULL;
	return p.values;
}

cc_value *
custody_rows_entry(CustodyVerify *v, const CustodyStateRecord *r)
{
	CustodyEntryWalk walk;
	cc_value   *values = NULL;

	custody_reader_walk_from(&walk, r->txn_no, (int64) r->entry_no, v->snapshot);
	walk.heads_only = true;
	if (custody_reader_walk_to(&walk, (int64) r->entry_no))
		values = decode_values(v, &walk);
	custody_reader_walk_end(&walk);
	return values;
}

/* Conversion */

static cc_value *
convert(const cc_schema *from, const cc_value *values, const cc_schema *to)
{
	cc_value   *out = palloc((to->ncolumns + 1) * sizeof(cc_value));

	cc_values_convert(out, from, values, to);
	return out;
}

/* Versions of the record's table after its own, up to one, in order. */
static List *
later_versions(CustodyVerify *v, const CustodyStateRecord *r, uint32 until)
{
	HASH_SEQ_STATUS seq;
	CustodyVerifyVersion *version;
	List	   *result = NIL;

	hash_seq_init(&seq, v->versions);
	while ((version = hash_seq_search(&seq)) != NULL)
		if (version->readable && version->relation_id == r->relation_id &&
			version->leaf == r->leaf && version->version > r->version &&
			version->version <= until)
			result = lappend(result, version);
	list_sort(result, custody_verify_compare_versions);
	return result;
}

/*
 * A column added without a rewrite reads as a default that only the version
 * it was added by may still name, so the values are taken through the versions
 * between; and directly, since a version may be used again when its layout
 * returns.
 */
int
custody_rows_convert(CustodyVerify *v, const CustodyStateRecord *r,
					 const cc_schema *to, uint32 until, cc_value *readings[2])
{
	CustodyVerifyVersion *own = custody_verify_version(v, r->version);
	cc_value   *values = own && own->readable ? custody_rows_entry(v, r) : NULL;
	const cc_schema *from;
	ListCell   *lc;

	if (values == NULL)
		return 0;
	from = &own->schema;
	readings[0] = convert(from, values, to);
	foreach(lc, later_versions(v, r, until))
	{
		CustodyVerifyVersion *version = lfirst(lc);

		values = convert(from, values, &version->schema);
		from = &version->schema;
	}
	readings[1] = convert(from, values, to);
	return 2;
}

/* Live rows */

/*
 * What a column added without a rewrite reads as is what the newest version of
 * the table's present layout says, not its catalog, which can be edited.
 */
const cc_schema *
custody_rows_recorded_layout(CustodyVerify *v, const CustodyLeafState *leaf)
{
	HASH_SEQ_STATUS seq;
	CustodyVerifyVersion *version;
	CustodyVerifyVersion *newest = NULL;

	hash_seq_init(&seq, v->versions);
	while ((version = hash_seq_search(&seq)) != NULL)
		if (version->readable && version->relation_id == leaf->id.relation_id &&
			version->leaf == leaf->id.leaf &&
			(newest == NULL || version->version > newest->version) &&
			custody_rows_same_layout(&version->schema, &leaf->layout))
			newest = version;
	return newest != NULL ? &newest->schema : &leaf->layout;
}

void
custody_rows_render(CustodyVerify *v, CustodyLeafState *leaf, cc_value *values)
{
	custody_canonical_render(leaf->renderer, leaf->slot, values);
	custody_canonical_render_contents(leaf->renderer, leaf->slot,
									  values + custody_canonical_columns(leaf->renderer),
									  v->snapshot);
}

cc_value *
custody_rows_live(CustodyVerify *v, CustodyLeafState *leaf, const CustodyStateRecord *r)
{
	cc_value   *values = palloc((leaf->layout.ncolumns + 1) * sizeof(cc_value));
	CustodySettings saved;
	ItemPointerData tid;

	ItemPointerSet(&tid, (BlockNumber) (r->entry_no >> 16), (OffsetNumber) (r->entry_no & 0xFFFF));
	if (!table_tuple_fetch_row_version(leaf->rel, &tid, v->snapshot, leaf->slot))
		return NULL;
	/* What is by reference must outlive the slot's tuple. */
	custody_canonical_begin(&saved, custody_canonical_needs_full(leaf->renderer));
	PG_TRY();
	{
		custody_rows_render(v, leaf, values);
	}
	PG_FINALLY();
	{
		custody_canonical_end(&saved);
	}
	PG_END_TRY();
	for (int i = 0; i < leaf->layout.ncolumns; i++)
		if (values[i].data != NULL)
		{
			uint8	   *copy = palloc(values[i].len + 1);

			memcpy(copy, values[i].data, values[i].len);
			values[i].data = copy;
		}
	ExecClearTuple(leaf->slot);
	return values;
}

char *
custody_rows_differences(const cc_schema *s, const cc_value *a, const cc_value *b)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < s->ncolumns; i++)
	{
		if (cc_value_equal(&a[i], &b[i]))
			continue;
		if (names.len > 0)
			appendStringInfoString(&names, ", ");
		appendStringInfoString(&names, custody_verify_text(s->columns[i].name.data,
														   s->columns[i].name.len));
	}
	return names.data;
}
