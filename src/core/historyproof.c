/*
 * historyproof.c
 *	  The proof of the life of one row: check it.
 *
 * Entries are looked at in the order of the log, two of them at a time: each
 * on its own, as in a row proof, and then how it follows from the one before.
 */
#include "core/historyproof.h"

#include <string.h>

#include "core/convert.h"

/* Where the row's life stands. */
typedef struct Chain
{
	cc_history *h;
	cc_history_room *room;
	const cc_history_version *before;	/* NULL: no version yet */
	size_t		before_at;
	bool		stands;			/* the row is there */
	bool		lost;			/* an erased entry came after 'before' */
} Chain;

const char *
cc_history_link_text(cc_history_link link)
{
	switch (link)
	{
		case CC_LINK_NONE:
			return "schema version";
		case CC_LINK_FIRST:
			return "first";
		case CC_LINK_IN_FORCE:
			return "in force";
		case CC_LINK_LINKED:
			return "linked";
		case CC_LINK_MOVED:
			return "moved";
		case CC_LINK_NEW_LIFE:
			return "new life";
		case CC_LINK_RECORDED_ANEW:
			return "recorded anew";
		case CC_LINK_EMPTIED:
			return "table emptied";
		case CC_LINK_ERASED:
			return "erased";
	}
	return "unlisted link";
}

/* Single entries */

static cc_status
open_values(const cc_history *h, const cc_history_item *item,
			cc_history_version *v)
{
	cc_slice	definition = h->schemas[item->schema];
	cc_status	status;

	memset(&v->schema, 0, sizeof(v->schema));
	v->schema.key_positions = v->positions;
	v->schema.key_capacity = CC_MAX_COLUMNS;
	v->schema.columns = v->definitions;
	v->schema.column_capacity = CC_MAX_COLUMNS;
	memset(&v->shown, 0, sizeof(v->shown));
	v->shown.key = v->key;
	v->shown.old_key = v->old_key;
	v->shown.columns = v->columns;
	v->shown.capacity = CC_MAX_COLUMNS;
	status = cc_schema_decode(&v->schema, definition.data, definition.len);
	if (status != CC_OK)
		return status;
	return cc_redacted_open(&v->shown, &v->entry, &v->schema,
							item->private_part.data, item->private_part.len);
}

/* Without values: erased ones, what emptied a table, a schema version. */
static bool
is_event(cc_kind kind)
{
	return cc_kind_is_row(kind) || kind == CC_KIND_TRUNCATE ||
		kind == CC_KIND_DETACH || kind == CC_KIND_SCHEMA;
}

cc_status
cc_history_open(const cc_history *h, size_t at, cc_history_version *v)
{
	const cc_history_item *item = &h->items[at];
	cc_status	status;

	status = cc_entry_decode(&v->entry, item->committed.data, item->committed.len);
	if (status == CC_OK)
		status = cc_record_decode(&v->record, item->record_bytes.data,
								  item->record_bytes.len);
	if (status != CC_OK)
		return status;
	if (!item->is_version)
		return is_event(v->entry.kind) ? CC_OK : CC_E_VALUE;
	return cc_kind_is_row(v->entry.kind) ? open_values(h, item, v) : CC_E_VALUE;
}

static cc_status
check_values(const cc_history_version *v)
{
	if (!v->shown.key_open)
		return CC_E_VALUE;
	if (v->shown.faults != 0)
		return CC_E_MISMATCH;
	return cc_redacted_key_agrees(&v->shown, &v->entry, &v->schema) ?
		CC_OK : CC_E_MISMATCH;
}

static cc_status
check_path(cc_slice path, const uint8_t hash[CC_DIGEST_SIZE], uint64_t index,
		   uint64_t size, const uint8_t root[CC_DIGEST_SIZE])
{
	return cc_proof_check_inclusion((const uint8_t (*)[CC_DIGEST_SIZE]) path.data,
									(int) (path.len / CC_DIGEST_SIZE),
									hash, index, size, root);
}

static cc_status
check_transaction(const cc_history_item *item, const cc_record *record)
{
	uint8_t		hash[CC_DIGEST_SIZE];

	cc_merkle_leaf(hash, item->committed.data, item->committed.len);
	return check_path(item->path, hash, item->entry_no, record->entry_count,
					  record->root);
}

static cc_status
check_log(const cc_history *h, const cc_history_item *item)
{
	uint8_t		hash[CC_DIGEST_SIZE];

	cc_merkle_leaf(hash, item->record_bytes.data, item->record_bytes.len);
	return check_path(item->leaf_path, hash, item->leaf_index,
					  h->checkpoint.size, h->checkpoint.root);
}

/* Links */

static bool
same_key(const cc_value *a, uint16_t na, const cc_value *b, uint16_t nb)
{
	uint16_t	i;

	for (i = 0; i < na && na == nb; i++)
	{
		if (!cc_value_equal(&a[i], &b[i]))
			return false;
	}
	return na == nb;
}

/* Has the row by this key what the version before is about? */
static bool
follows_key(const Chain *c, const cc_history_version *v, const cc_value *key)
{
	return same_key(c->before->key, cc_schema_key_count(&c->before->schema),
					key, cc_schema_key_count(&v->schema));
}

/* Did the version before leave the key of v for another? */
static bool
left_key(const Chain *c, const cc_history_version *v)
{
	return c->before->shown.old_key_open && !follows_key(c, v, v->key) &&
		same_key(c->before->old_key, cc_schema_key_count(&c->before->schema),
				 v->key, cc_schema_key_count(&v->schema));
}

/* Take values through the schema versions between two entries. */
static const cc_schema *
convert_through(const cc_history *h, cc_history_room *room,
				const cc_history_version *before, size_t before_at, size_t at,
				int *values)
{
	const cc_schema *from = &before->schema;
	int			next = 0;
	size_t		i;

	for (i = before_at + 1; i < at; i++)
	{
		cc_schema  *to = &room->schemas[next];
		cc_entry	e;

		if (cc_entry_decode(&e, h->items[i].committed.data,
							h->items[i].committed.len) != CC_OK ||
			e.kind != CC_KIND_SCHEMA)
			continue;
		memset(to, 0, sizeof(*to));
		to->key_positions = room->positions[next];
		to->key_capacity = CC_MAX_COLUMNS;
		to->columns = room->definitions[next];
		to->column_capacity = CC_MAX_COLUMNS;
		if (cc_schema_decode(to, e.body.data, e.body.len) != CC_OK)
			continue;
		cc_values_convert(room->values[1 - *values], from, room->values[*values], to);
		*values = 1 - *values;
		from = to;
		next = 1 - next;
	}
	return from;
}

bool
cc_history_digest(uint8_t out[CC_DIGEST_SIZE], const cc_history *h,
				  cc_history_room *room, const cc_history_version *before,
				  size_t before_at, const cc_history_version *v, size_t at,
				  bool directly)
{
	const cc_schema *from = &before->schema;
	int			values = 0;
	uint16_t	i;

	if (!cc_kind_has_row(before->entry.kind) ||
		!cc_redacted_row_open(&before->shown, &before->schema))
		return false;
	for (i = 0; i < before->schema.ncolumns; i++)
		room->values[0][i] = before->columns[i].value;
	if (!directly)
		from = convert_through(h, room, before, before_at, at, &values);
	cc_values_convert(room->values[1 - values], from, room->values[values], &v->schema);
	cc_row_digest(out, room->values[1 - values], v->schema.ncolumns);
	return true;
}

/* An update or delete says what it overwrote. */
static cc_status
link_change(Chain *c, const cc_history_version *v, size_t at, cc_history_link *link)
{
	bool		renamed = (v->entry.flags & CC_ENTRY_KEY_CHANGED) != 0;
	uint8_t		digest[CC_DIGEST_SIZE];
	int			directly;

	if (!c->stands || v->entry.relation != c->before->entry.relation)
		return CC_E_MISMATCH;
	*link = CC_LINK_ERASED;
	if (renamed && !v->shown.old_key_open)
		return CC_OK;
	if (!follows_key(c, v, renamed ? v->old_key : v->key))
		return CC_E_MISMATCH;
	if (!v->shown.overwritten_open)
		return CC_OK;
	for (directly = 1; directly >= 0; directly--)
	{
		if (!cc_history_digest(digest, c->h, c->room, c->before, c->before_at,
							   v, at, directly != 0))
			return CC_OK;
		if (!cc_equal(digest, v->shown.overwritten, CC_DIGEST_SIZE))
			continue;
		*link = CC_LINK_LINKED;
		return CC_OK;
	}
	return CC_E_MISMATCH;
}

static cc_status
link_moved(const Chain *c, const cc_history_version *v, size_t at, cc_history_link *link)
{
	const cc_history_item *items = c->h->items;

	*link = CC_LINK_MOVED;
	if (c->before->entry.kind != CC_KIND_DELETE || c->before_at != at - 1 ||
		items[at].leaf_index != items[c->before_at].leaf_index ||
		v->entry.relation != c->before->entry.relation ||
		!follows_key(c, v, v->key))
		return CC_E_MISMATCH;
	return CC_OK;
}

static cc_status
link_insert(const Chain *c, const cc_history_version *v, size_t at, cc_history_link *link)
{
	if (v->entry.flags & CC_ENTRY_MOVED)
		return link_moved(c, v, at, link);
	*link = CC_LINK_NEW_LIFE;
	return left_key(c, v) || (!c->stands && follows_key(c, v, v->key)) ?
		CC_OK : CC_E_MISMATCH;
}

/* What begins the proof. */
static cc_status
link_first(const Chain *c, const cc_history_version *v, size_t at, cc_history_link *link)
{
	*link = CC_LINK_IN_FORCE;
	if (c->h->has_old && c->h->items[at].leaf_index < c->h->old.size)
		return CC_OK;
	*link = CC_LINK_FIRST;
	return v->entry.kind == CC_KIND_BASELINE ||
		(v->entry.kind == CC_KIND_INSERT && v->entry.flags == 0) ?
		CC_OK : CC_E_MISMATCH;
}

static cc_status
link_version(Chain *c, const cc_history_version *v, size_t at)
{
	cc_history_link *link = &c->h->items[at].link;
	cc_status	status = CC_OK;

	if (c->lost)
		*link = CC_LINK_ERASED;
	else if (c->before == NULL)
		status = link_first(c, v, at, link);
	else if (v->entry.kind == CC_KIND_INSERT)
		status = link_insert(c, v, at, link);
	else if (v->entry.kind == CC_KIND_BASELINE)
	{
		*link = CC_LINK_RECORDED_ANEW;
		if (!left_key(c, v) && !follows_key(c, v, v->key))
			status = CC_E_MISMATCH;
	}
	else
		status = link_change(c, v, at, link);
	c->before = v;
	c->before_at = at;
	c->stands = cc_kind_has_row(v->entry.kind);
	c->lost = false;
	return status;
}

/* A schema version has a use only between two others. */
static cc_status
link_event(Chain *c, const cc_entry *e, size_t at)
{
	cc_history_link *link = &c->h->items[at].link;

	if (cc_kind_is_row(e->kind))
	{
		*link = CC_LINK_ERASED;
		c->lost = true;
		return CC_OK;
	}
	if (c->before == NULL || e->relation != c->before->entry.relation)
		return CC_E_MISMATCH;
	if (e->kind == CC_KIND_SCHEMA)
	{
		*link = CC_LINK_NONE;
		return at + 1 < c->h->nitems ? CC_OK : CC_E_MISMATCH;
	}
	*link = CC_LINK_EMPTIED;
	if (!c->stands && !c->lost)
		return CC_E_MISMATCH;
	c->stands = false;
	return CC_OK;
}

/* At most the first entry is older than the older checkpoint. */
static bool
in_interval(const cc_history *h, size_t at)
{
	return !h->has_old || at == 0 || h->items[at].leaf_index >= h->old.size;
}

static cc_status
check_link(Chain *c, const cc_history_version *v, size_t at)
{
	if (!in_interval(c->h, at))
		return CC_E_RANGE;
	if (!c->h->items[at].is_version)
		return link_event(c, &v->entry, at);
	return link_version(c, v, at);
}

/* The whole */

static cc_status
check_item(Chain *c, cc_history_version *v, size_t at, cc_proof_step *step)
{
	const cc_history_item *item = &c->h->items[at];
	cc_status	status;

	*step = CC_STEP_FORM;
	status = cc_history_open(c->h, at, v);
	if (status != CC_OK)
		return status;
	*step = CC_STEP_VALUES;
	if (item->is_version)
		status = check_values(v);
	if (status != CC_OK)
		return status;
	*step = CC_STEP_TRANSACTION;
	status = check_transaction(item, &v->record);
	if (status != CC_OK)
		return status;
	*step = CC_STEP_LOG;
	if (at == 0 || item->leaf_index != item[-1].leaf_index)
		status = check_log(c->h, item);
	if (status != CC_OK)
		return status;
	*step = CC_STEP_LINK;
	return check_link(c, v, at);
}

static cc_status
check_notes(const cc_history *h, const cc_vkey *keys, size_t nkeys, cc_proof_step *step)
{
	cc_status	status = CC_OK;

	*step = CC_STEP_GROWTH;
	if (h->has_old)
		status = cc_proof_check_consistency((const uint8_t (*)[CC_DIGEST_SIZE]) h->growth.data,
											(int) (h->growth.len / CC_DIGEST_SIZE),
											h->old.size, h->old.root,
											h->checkpoint.size, h->checkpoint.root);
	if (status != CC_OK)
		return status;
	*step = CC_STEP_SIGNATURE;
	status = cc_checkpoint_signed(&h->checkpoint, keys, nkeys);
	if (status == CC_OK && h->has_old)
		status = cc_checkpoint_signed(&h->old, keys, nkeys);
	if (status == CC_OK)
		*step = CC_STEP_NONE;
	return status;
}

cc_status
cc_history_check(cc_history *h, cc_history_room *room, const cc_vkey *keys,
				 size_t nkeys, cc_proof_step *step, size_t *at)
{
	Chain		c;

	memset(&c, 0, sizeof(c));
	c.h = h;
	c.room = room;
	for (*at = 0; *at < h->nitems; ++*at)
	{
		cc_history_version *v = &room->versions[0];
		cc_status	status;

		if (v == c.before)
			v = &room->versions[1];
		status = check_item(&c, v, *at, step);
		if (status != CC_OK)
			return status;
	}
	return check_notes(h, keys, nkeys, step);
}

/* Reading what was checked */

static void
resolve_value(cc_value *v, const cc_history_version *before)
{
	uint16_t	i;

	for (i = 0; i < before->schema.ncolumns; i++)
	{
		const cc_proof_column *column = &before->columns[i];

		if (column->open && column->value.form == CC_VALUE_LONG &&
			cc_value_equal(&column->value, v))
		{
			*v = column->value;
			return;
		}
	}
}

/* What stays as it is stands in full in the first version alone. */
static void
resolve(cc_history_version *v, const cc_history_version *before)
{
	uint16_t	i;

	if (!cc_kind_has_row(v->entry.kind) || !cc_kind_has_row(before->entry.kind))
		return;
	for (i = 0; i < v->schema.ncolumns; i++)
	{
		cc_proof_column *column = &v->columns[i];

		if (column->open && column->value.form == CC_VALUE_REFERENCE)
			resolve_value(&column->value, before);
	}
}

/* An event leaves the version before it where it is. */
const cc_history_version *
cc_history_next(const cc_history *h, size_t *at, cc_history_room *room)
{
	if (*at == 0)
		room->last = NULL;
	while (*at < h->nitems)
	{
		const cc_history_item *item = &h->items[*at];
		cc_history_version *v = &room->versions[room->last == &room->versions[0]];

		if (cc_history_open(h, (*at)++, v) != CC_OK || item->link == CC_LINK_NONE)
			continue;
		if (item->is_version)
		{
			if (room->last != NULL)
				resolve(v, room->last);
			room->last = v;
		}
		return v;
	}
	return NULL;
}

/* The last entry, and a link that no hash makes, leave something open. */
const char *
cc_history_gap(const cc_history *h, size_t at)
{
	bool		last = at + 1 == h->nitems;

	switch (h->items[at].link)
	{
		case CC_LINK_NONE:
			return NULL;
		case CC_LINK_FIRST:
			return last ? "whether there was an earlier life of the row, or a later version" :
				"whether there was an earlier life of the row";
		case CC_LINK_NEW_LIFE:
			return last ? "whether there was another life of the row in between, or a later version" :
				"whether there was another life of the row in between";
		case CC_LINK_RECORDED_ANEW:
			return last ? "what happened to the row since the version before, or whether there was a later one" :
				"what happened to the row since the version before";
		case CC_LINK_EMPTIED:
			return last ? "whether it was this row's table, what happened to the row since the version before, or whether there was a later one" :
				"whether it was this row's table, and what happened to the row since the version before";
		case CC_LINK_ERASED:
			return last ? "what was overwritten: values were erased or withheld; or whether there was a later version" :
				"what was overwritten: values were erased or withheld";
		default:
			return last ? "whether there was a later version" : NULL;
	}
}
