/*
 * encode_schema.c
 *	  Schema definitions (doc/format.md section 4.2).
 */
#include "core/encode.h"

#include <string.h>

#define SCHEMA_PREFIX 0x17

#define COLUMN_FLAGS (CC_COLUMN_GENERATED | CC_COLUMN_HAS_MISSING)

static void
write_text(cc_writer *w, cc_slice s)
{
	cc_write_bytes(w, s.data, s.len);
}

void
cc_write_schema(cc_writer *w, const cc_schema *s)
{
	uint16_t	i;

	write_text(w, s->schema);
	write_text(w, s->table);
	write_text(w, s->leaf_schema);
	write_text(w, s->leaf_table);
	write_text(w, s->encoding);
	cc_write_u8(w, s->key_kind);
	cc_write_u16(w, s->nkeys);
	for (i = 0; i < s->nkeys; i++)
		cc_write_u16(w, s->key_positions[i]);
	cc_write_u16(w, s->subject);
	cc_write_u16(w, s->ncolumns);
	for (i = 0; i < s->ncolumns; i++)
	{
		const cc_column *c = &s->columns[i];

		write_text(w, c->name);
		write_text(w, c->type);
		cc_write_u8(w, c->flags);
		if (c->flags & CC_COLUMN_HAS_MISSING)
			cc_write_value(w, &c->missing);
	}
}

static void
read_key(cc_reader *r, cc_schema *s)
{
	uint16_t	i;

	s->key_kind = cc_read_u8(r);
	s->nkeys = cc_read_u16(r);
	if (s->nkeys > s->key_capacity)
		cc_reader_fail(r, CC_E_SPACE);
	for (i = 0; i < s->nkeys && r->status == CC_OK; i++)
		s->key_positions[i] = cc_read_u16(r);
}

/* A long missing value stands in full: no earlier entry could hold it. */
static void
read_column(cc_reader *r, cc_column *c)
{
	c->name = cc_read_bytes(r);
	c->type = cc_read_bytes(r);
	c->flags = cc_read_u8(r);
	if (c->flags & ~COLUMN_FLAGS)
		cc_reader_fail(r, CC_E_VALUE);
	cc_value_set(&c->missing, NULL, 0);
	if (c->flags & CC_COLUMN_HAS_MISSING)
		cc_read_value(r, &c->missing);
	if (c->missing.form == CC_VALUE_REFERENCE)
		cc_reader_fail(r, CC_E_VALUE);
}

/* Key columns are columns, each named once. */
static bool
key_positions_valid(const cc_schema *s)
{
	uint8_t		seen[(CC_MAX_COLUMNS + 7) / 8] = {0};
	uint16_t	i;

	for (i = 0; i < s->nkeys; i++)
	{
		uint16_t	p = s->key_positions[i];
		uint8_t		bit = (uint8_t) (1 << p % 8);

		if (p >= s->ncolumns || (seen[p / 8] & bit))
			return false;
		seen[p / 8] |= bit;
	}
	return true;
}

static bool
schema_valid(const cc_schema *s)
{
	if (s->key_kind == CC_KEY_COLUMNS)
	{
		if (s->nkeys == 0 || !key_positions_valid(s))
			return false;
	}
	else if (s->key_kind != CC_KEY_WHOLE_ROW || s->nkeys != 0)
		return false;
	return s->subject == CC_NO_POSITION || s->subject < s->ncolumns;
}

void
cc_schema_digest(uint8_t out[CC_DIGEST_SIZE], const void *data, size_t len)
{
	cc_digest_prefixed(out, SCHEMA_PREFIX, data, len);
}

cc_status
cc_schema_decode(cc_schema *s, const void *data, size_t len)
{
	cc_reader	r;
	cc_status	status;
	uint16_t	i;

	cc_reader_init(&r, data, len);
	s->schema = cc_read_bytes(&r);
	s->table = cc_read_bytes(&r);
	s->leaf_schema = cc_read_bytes(&r);
	s->leaf_table = cc_read_bytes(&r);
	s->encoding = cc_read_bytes(&r);
	read_key(&r, s);
	s->subject = cc_read_u16(&r);
	s->ncolumns = cc_read_u16(&r);
	if (s->ncolumns > CC_MAX_COLUMNS)
		cc_reader_fail(&r, CC_E_VALUE);
	if (s->ncolumns > s->column_capacity)
		cc_reader_fail(&r, CC_E_SPACE);
	for (i = 0; i < s->ncolumns && r.status == CC_OK; i++)
		read_column(&r, &s->columns[i]);
	status = cc_reader_end(&r);
	if (status != CC_OK)
		return status;
	cc_schema_digest(s->digest, data, len);
	return schema_valid(s) ? CC_OK : CC_E_VALUE;
}

uint16_t
cc_schema_key_count(const cc_schema *s)
{
	return s->key_kind == CC_KEY_WHOLE_ROW ? s->ncolumns : s->nkeys;
}

const uint16_t *
cc_schema_key_positions(const cc_schema *s)
{
	return s->key_kind == CC_KEY_WHOLE_ROW ? NULL : s->key_positions;
}
