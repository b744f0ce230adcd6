/*
 * encode_private.c
 *	  Private part of a row-level entry (doc/format.md sections 4.1, 3.5).
 */
#include "core/encode.h"

#include <string.h>

uint16_t
cc_private_value_count(const cc_entry *e, const cc_schema *s)
{
	if (cc_kind_has_row(e->kind))
		return s->ncolumns;
	return e->kind == CC_KIND_DELETE ? cc_schema_key_count(s) : 0;
}

static void
read_values(cc_reader *r, cc_value *values, uint16_t n, size_t capacity)
{
	uint16_t	i;

	if (n > capacity)
		cc_reader_fail(r, CC_E_SPACE);
	for (i = 0; i < n && r->status == CC_OK; i++)
		cc_read_value(r, &values[i]);
}

static void
read_whole(cc_reader *r, cc_private *p, const cc_entry *e, const cc_schema *s)
{
	cc_slice	secret = cc_read_raw(r, CC_SECRET_SIZE);

	if (r->status != CC_OK)
		return;
	memcpy(p->secret, secret.data, CC_SECRET_SIZE);
	p->nvalues = cc_private_value_count(e, s);
	read_values(r, p->values, p->nvalues, p->values_capacity);
	if (e->flags & CC_ENTRY_KEY_CHANGED)
	{
		p->nold_key = cc_schema_key_count(s);
		read_values(r, p->old_key, p->nold_key, p->values_capacity);
	}
	if (cc_kind_has_overwritten(e->kind))
		cc_read_digest(r, p->row_digest);
}

/* The state of an item, its salt passed over; true if it is open. */
static bool
item_open(cc_reader *r)
{
	uint8_t		state = cc_read_u8(r);

	if (state > 1)
		cc_reader_fail(r, CC_E_VALUE);
	if (state == 1)
		(void) cc_read_raw(r, CC_SALT_SIZE);
	return state == 1;
}

static void
skip_key(cc_reader *r, uint16_t k)
{
	cc_value	v;
	uint16_t	i;

	if (!item_open(r))
		return;
	for (i = 0; i < k && r->status == CC_OK; i++)
		cc_read_value(r, &v);
}

/* Section 4.3: walk the items, keeping none. */
static void
skip_redacted(cc_reader *r, const cc_entry *e, const cc_schema *s)
{
	uint16_t	n = cc_kind_has_row(e->kind) ? s->ncolumns : 0;
	cc_value	v;
	uint16_t	i;

	skip_key(r, cc_schema_key_count(s));
	if (cc_kind_has_overwritten(e->kind) && item_open(r))
		(void) cc_read_raw(r, CC_DIGEST_SIZE);
	if (e->flags & CC_ENTRY_KEY_CHANGED)
		skip_key(r, cc_schema_key_count(s));
	for (i = 0; i < n && r->status == CC_OK; i++)
	{
		if (item_open(r))
			cc_read_value(r, &v);
		else
			(void) cc_read_raw(r, CC_DIGEST_SIZE);
	}
}

static cc_status
read_private(cc_reader *r, cc_private *p, const cc_entry *e,
			 const cc_schema *s)
{
	p->form = cc_read_u8(r);
	if (p->form == CC_PRIVATE_WHOLE)
		read_whole(r, p, e, s);
	else if (p->form == CC_PRIVATE_REDACTED)
		skip_redacted(r, e, s);
	else if (p->form != CC_PRIVATE_ERASED)
		cc_reader_fail(r, CC_E_VALUE);
	return cc_reader_end(r);
}

cc_status
cc_private_decode(cc_private *p, const cc_entry *e, const cc_schema *s,
				  const void *data, size_t len)
{
	cc_reader	r;
	cc_status	status = CC_E_VALUE;

	memset(p->secret, 0, CC_SECRET_SIZE);
	p->nvalues = 0;
	p->nold_key = 0;
	if (cc_kind_is_row(e->kind))
	{
		cc_reader_init(&r, data, len);
		status = read_private(&r, p, e, s);
	}
	if (status != CC_OK)
	{
		p->form = CC_PRIVATE_ERASED;
		p->nvalues = 0;
		p->nold_key = 0;
	}
	return status;
}

/* Add a lookup number unless it is there already. */
static int
add_lookup(int64_t out[3], int n, int64_t number)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		if (out[i] == number)
			return n;
	}
	out[n] = number;
	return n + 1;
}

/* A delete holds its key columns alone, in key order. */
int
cc_private_lookups(int64_t out[3], const cc_entry *e, const cc_schema *s,
				   const cc_private *p)
{
	const uint16_t *positions = NULL;
	uint16_t	k = cc_schema_key_count(s);
	int			n = 0;

	if (p->form != CC_PRIVATE_WHOLE)
		return 0;
	if (cc_kind_has_row(e->kind))
		positions = cc_schema_key_positions(s);
	n = add_lookup(out, n, cc_lookup_key(e->relation, p->values,
										 positions, k));
	if (e->flags & CC_ENTRY_KEY_CHANGED)
		n = add_lookup(out, n, cc_lookup_key(e->relation, p->old_key,
											 NULL, k));
	if (cc_kind_has_row(e->kind) && s->subject != CC_NO_POSITION &&
		p->values[s->subject].form != CC_VALUE_NULL)
		n = add_lookup(out, n, cc_lookup_subject(&p->values[s->subject]));
	return n;
}
