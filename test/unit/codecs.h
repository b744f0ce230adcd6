/*
 * codecs.h
 *	  Every decoder beside its encoder, under one signature, for unit tests
 *	  and fuzzers.
 *
 * The property to hold: what a decoder accepts, its encoder writes back byte
 * for byte.  Then no two inputs decode to the same thing.
 */
#ifndef CODECS_H
#define CODECS_H

#include "core/encode.h"

#include "octets.h"

/* Decode, then encode what was decoded into w. */
typedef cc_status (*codec) (const uint8_t *data, size_t len, cc_writer *w);

static inline cc_status
entry_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_entry	e;
	cc_status	status = cc_entry_decode(&e, data, len);

	if (status == CC_OK)
		cc_write_entry(w, &e);
	return status;
}

static inline cc_status
schema_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	static uint16_t positions[CC_MAX_COLUMNS];
	static cc_column columns[CC_MAX_COLUMNS];
	cc_schema	s;
	cc_status	status;

	memset(&s, 0, sizeof(s));
	s.key_positions = positions;
	s.key_capacity = CC_MAX_COLUMNS;
	s.columns = columns;
	s.column_capacity = CC_MAX_COLUMNS;
	status = cc_schema_decode(&s, data, len);
	if (status == CC_OK)
		cc_write_schema(w, &s);
	return status;
}

/* Where the fields begin that a reader passes over, or len. */
static inline size_t
passed_over_from(const uint8_t *data, size_t len)
{
	cc_reader	r;

	cc_reader_init(&r, data, len);
	(void) cc_read_raw(&r, 2);
	while (r.status == CC_OK && r.pos < len && data[r.pos] < 128)
	{
		(void) cc_read_u8(&r);
		(void) cc_read_bytes(&r);
	}
	return r.pos;
}

/* Fields passed over are not decoded; they are written back as they were. */
static inline cc_status
record_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_record	r;
	cc_status	status = cc_record_decode(&r, data, len);
	size_t		tail;

	if (status == CC_OK)
	{
		tail = passed_over_from(data, len);
		cc_write_record(w, &r);
		cc_write_raw(w, data + tail, len - tail);
	}
	return status;
}

static inline cc_status
block_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_block	b;
	cc_status	status = cc_block_decode(&b, data, len);

	if (status == CC_OK)
		cc_write_block(w, &b);
	return status;
}

static inline cc_slice
slice_of(const uint8_t *data, size_t len)
{
	cc_slice	s;

	s.data = data;
	s.len = len;
	return s;
}

static inline cc_status
key_event_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_key_event e;
	cc_status	status = cc_key_event_decode(&e, slice_of(data, len));

	if (status == CC_OK)
		cc_write_key_event(w, &e);
	return status;
}

static inline cc_status
witness_key_event_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_witness_key_event e;
	cc_status	status = cc_witness_key_event_decode(&e, slice_of(data, len));

	if (status == CC_OK)
		cc_write_witness_key_event(w, &e);
	return status;
}

static inline cc_status
protect_event_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_protect_event e;
	cc_status	status = cc_protect_event_decode(&e, slice_of(data, len));

	if (status == CC_OK)
		cc_write_protect_event(w, &e);
	return status;
}

static inline cc_status
unprotect_event_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_unprotect_event e;
	cc_status	status = cc_unprotect_event_decode(&e, slice_of(data, len));

	if (status == CC_OK)
		cc_write_unprotect_event(w, &e);
	return status;
}

static inline cc_status
incarnation_event_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_incarnation_event e;
	cc_status	status = cc_incarnation_event_decode(&e, slice_of(data, len));

	if (status == CC_OK)
		cc_write_incarnation_event(w, &e);
	return status;
}

static inline cc_status
witness_event_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_witness_event e;
	cc_status	status = cc_witness_event_decode(&e, slice_of(data, len));

	if (status == CC_OK)
		cc_write_witness_event(w, &e);
	return status;
}

static inline cc_status
cosigned_event_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_cosigned_event e;
	cc_status	status = cc_cosigned_event_decode(&e, slice_of(data, len));

	if (status == CC_OK)
		cc_write_cosigned_event(w, &e);
	return status;
}

static inline cc_status
trusted_log_event_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_trusted_log_event e;
	cc_status	status = cc_trusted_log_event_decode(&e, slice_of(data, len));

	if (status == CC_OK)
		cc_write_trusted_log_event(w, &e);
	return status;
}

static inline cc_status
environment_event_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_environment_event e;
	cc_status	status = cc_environment_event_decode(&e, slice_of(data, len));

	if (status == CC_OK)
		cc_write_environment_event(w, &e);
	return status;
}

static inline cc_status
count_body_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	uint64_t	count;
	cc_status	status = cc_count_body_decode(&count, slice_of(data, len));

	if (status == CC_OK)
		cc_write_u64(w, count);
	return status;
}

/* A schema of three columns with the first two as key, second before first. */
#define CODEC_COLUMNS 3
#define CODEC_KEYS 2

typedef struct codec_table
{
	uint16_t	positions[CODEC_KEYS];
	cc_column	columns[CODEC_COLUMNS];
	cc_schema	schema;
} codec_table;

static inline void
codec_table_init(codec_table *t)
{
	static const char *const names[] = {"id", "year", "note"};
	int			i;

	memset(t, 0, sizeof(*t));
	t->positions[0] = 1;
	t->positions[1] = 0;
	t->schema.schema = t->schema.leaf_schema = text_slice("public");
	t->schema.table = text_slice("visit");
	t->schema.leaf_table = text_slice("visit_2026");
	t->schema.encoding = text_slice("UTF8");
	t->schema.key_kind = CC_KEY_COLUMNS;
	t->schema.nkeys = CODEC_KEYS;
	t->schema.subject = 0;
	t->schema.ncolumns = CODEC_COLUMNS;
	t->schema.key_positions = t->positions;
	t->schema.key_capacity = CODEC_KEYS;
	t->schema.columns = t->columns;
	t->schema.column_capacity = CODEC_COLUMNS;
	for (i = 0; i < CODEC_COLUMNS; i++)
	{
		t->columns[i].name = text_slice(names[i]);
		t->columns[i].type = text_slice("text");
	}
	t->columns[2].flags = CC_COLUMN_HAS_MISSING;
	cc_value_set(&t->columns[2].missing, "", 0);
}

static inline void
write_private(cc_writer *w, cc_kind kind, const cc_private *p)
{
	uint16_t	i;

	cc_write_u8(w, p->form);
	if (p->form != CC_PRIVATE_WHOLE)
		return;
	cc_write_raw(w, p->secret, CC_SECRET_SIZE);
	for (i = 0; i < p->nvalues; i++)
		cc_write_value(w, &p->values[i]);
	for (i = 0; i < p->nold_key; i++)
		cc_write_value(w, &p->old_key[i]);
	if (cc_kind_has_overwritten(kind))
		cc_write_raw(w, p->row_digest, CC_DIGEST_SIZE);
}

/*
 * The first byte is the entry's kind, the second its flags; a private part
 * follows.  Of a redacted part the core keeps nothing, so the input itself
 * stands for what was decoded.
 */
static inline cc_status
private_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_value	values[CODEC_COLUMNS];
	cc_value	old_key[CODEC_COLUMNS];
	codec_table t;
	cc_entry	e;
	cc_private	p;
	cc_status	status;

	if (len < 2)
		return CC_E_TRUNCATED;
	codec_table_init(&t);
	memset(&e, 0, sizeof(e));
	memset(&p, 0, sizeof(p));
	e.kind = (cc_kind) data[0];
	e.flags = data[1];
	p.values = values;
	p.old_key = old_key;
	p.values_capacity = CODEC_COLUMNS;
	status = cc_private_decode(&p, &e, &t.schema, data + 2, len - 2);
	if (status != CC_OK)
		return status;
	cc_write_raw(w, data, 2);
	if (p.form == CC_PRIVATE_REDACTED)
		cc_write_raw(w, data + 2, len - 2);
	else
		write_private(w, e.kind, &p);
	return CC_OK;
}

static inline cc_status
value_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	cc_reader	r;
	cc_value	v;
	cc_status	status;

	cc_reader_init(&r, data, len);
	cc_read_value(&r, &v);
	status = cc_reader_end(&r);
	if (status == CC_OK)
		cc_write_value(w, &v);
	return status;
}

/*
 * The property, for one input: refused, or written back byte for byte.  The
 * encoding is sized first, as callers do, and then written.
 */
static inline bool
codec_holds(codec c, const uint8_t *data, size_t len, cc_status *status)
{
	uint8_t    *in = exact_copy(data, len);
	uint8_t    *out;
	cc_writer	w;
	bool		holds = true;

	cc_writer_init(&w, NULL, 0);
	*status = c(in, len, &w);
	if (*status == CC_OK && w.len != len)
		holds = false;
	if (*status == CC_OK && holds)
	{
		out = exact_copy(in, len);
		memset(out, 0, len);
		cc_writer_init(&w, out, len);
		holds = c(in, len, &w) == CC_OK && w.status == CC_OK &&
			w.len == len && memcmp(in, out, len) == 0;
		free(out);
	}
	free(in);
	return holds;
}

#endif							/* CODECS_H */
