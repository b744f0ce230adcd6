/*
 * chunk.c
 *	  Entries as they are stored.
 */
#include "core/chunk.h"

#include <string.h>

#define BIT_HEAD 0x01
#define BIT_COMMITTED 0x02

static bool
same_head(const cc_stored *a, const cc_stored *b)
{
	return a->kind == b->kind && a->flags == b->flags &&
		a->relation == b->relation && a->version == b->version;
}

static size_t
head_size(const cc_stored *s)
{
	return 2 + cc_varint_size(s->relation) + cc_varint_size(s->version);
}

static void
write_head(cc_writer *w, const cc_stored *s)
{
	cc_write_u8(w, (uint8_t) s->kind);
	cc_write_u8(w, s->flags);
	cc_write_varint(w, s->relation);
	cc_write_varint(w, s->version);
}

void
cc_write_stored(cc_writer *w, const cc_stored *before, const cc_stored *s)
{
	uint8_t		bits = 0;
	size_t		len = 1 + s->rest.len;

	if (before == NULL || !same_head(before, s))
	{
		bits |= BIT_HEAD;
		len += head_size(s);
	}
	if (s->explicit_part)
	{
		bits |= BIT_COMMITTED;
		len += cc_varint_size(s->committed.len) + s->committed.len;
	}
	cc_write_varint(w, len);
	cc_write_u8(w, bits);
	if (bits & BIT_HEAD)
		write_head(w, s);
	if (bits & BIT_COMMITTED)
		cc_write_bytes(w, s->committed.data, s->committed.len);
	cc_write_raw(w, s->rest.data, s->rest.len);
}

void
cc_chunk_init(cc_chunk *c, const void *data, size_t len)
{
	memset(c, 0, sizeof(*c));
	cc_reader_init(&c->r, data, len);
}

static uint32_t
read_number(cc_reader *r)
{
	uint64_t	n = cc_read_varint(r);

	if (n > UINT32_MAX)
		cc_reader_fail(r, CC_E_RANGE);
	return (uint32_t) n;
}

static void
read_head(cc_reader *r, cc_stored *s)
{
	s->kind = (cc_kind) cc_read_u8(r);
	s->flags = cc_read_u8(r);
	s->relation = read_number(r);
	s->version = read_number(r);
}

/* An entry between its bounds; only a row-level one gives a committed part. */
static cc_status
read_stored(cc_chunk *c, cc_stored *s, cc_slice bytes)
{
	cc_reader	r;
	uint8_t		bits;

	cc_reader_init(&r, bytes.data, bytes.len);
	bits = cc_read_u8(&r);
	if (bits & BIT_HEAD)
	{
		read_head(&r, &c->head);
		c->have_head = true;
	}
	*s = c->head;
	s->explicit_part = (bits & BIT_COMMITTED) != 0;
	if (s->explicit_part)
		s->committed = cc_read_bytes(&r);
	s->rest = cc_read_raw(&r, r.len - r.pos);
	if ((bits & ~(BIT_HEAD | BIT_COMMITTED)) != 0 || !c->have_head ||
		(s->explicit_part && !cc_kind_is_row(s->kind)))
		cc_reader_fail(&r, CC_E_FORM);
	return r.status;
}

bool
cc_chunk_next(cc_chunk *c, cc_stored *s)
{
	cc_slice	bytes;

	if (c->r.status != CC_OK || c->r.pos == c->r.len)
		return false;
	bytes = cc_read_bytes(&c->r);
	if (c->r.status == CC_OK)
		cc_reader_fail(&c->r, read_stored(c, s, bytes));
	return c->r.status == CC_OK;
}
