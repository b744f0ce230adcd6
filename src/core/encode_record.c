/*
 * encode_record.c
 *	  Leaves of the log: transaction records and block headers
 *	  (doc/format.md section 5).
 */
#include "core/encode.h"
#include "core/sigcheck.h"

#include <string.h>

#define LEAF_VERSION 1
#define FIRST_PASSED_TAG 128

typedef enum field_type
{
	FIELD_U32,
	FIELD_U64,					/* and i64, which has the same bytes */
	FIELD_DIGEST,
	FIELD_TEXT,					/* required */
	FIELD_OPTIONAL				/* text; absent when empty */
} field_type;

typedef struct field
{
	field_type	type;
	size_t		offset;			/* in cc_record */
} field;

/* By tag, from 1. */
static const field fields[] = {
	{FIELD_U32, offsetof(cc_record, incarnation)},
	{FIELD_U64, offsetof(cc_record, number)},
	{FIELD_U64, offsetof(cc_record, commit_number)},
	{FIELD_U64, offsetof(cc_record, xid)},
	{FIELD_U64, offsetof(cc_record, start_time)},
	{FIELD_U64, offsetof(cc_record, commit_time)},
	{FIELD_TEXT, offsetof(cc_record, session_user)},
	{FIELD_TEXT, offsetof(cc_record, outer_user)},
	{FIELD_TEXT, offsetof(cc_record, current_users)},
	{FIELD_OPTIONAL, offsetof(cc_record, identity)},
	{FIELD_OPTIONAL, offsetof(cc_record, client_address)},
	{FIELD_OPTIONAL, offsetof(cc_record, application)},
	{FIELD_OPTIONAL, offsetof(cc_record, replication_origin)},
	{FIELD_U64, offsetof(cc_record, entry_count)},
	{FIELD_DIGEST, offsetof(cc_record, root)},
	{FIELD_OPTIONAL, offsetof(cc_record, actor)},
	{FIELD_OPTIONAL, offsetof(cc_record, reason)},
	{FIELD_OPTIONAL, offsetof(cc_record, purpose)},
	{FIELD_OPTIONAL, offsetof(cc_record, extra)}
};

#define NFIELDS ((int) (sizeof(fields) / sizeof(fields[0])))

enum
{
	EVERY_TAG_HAS_A_FIELD =
		1 / (sizeof(fields) / sizeof(fields[0]) == CC_RECORD_EXTRA)
};

static void
write_field(cc_writer *w, uint8_t tag, field_type type, const void *member)
{
	uint32_t	u32;
	uint64_t	u64;
	cc_slice	text;

	cc_write_u8(w, tag);
	switch (type)
	{
		case FIELD_U32:
			memcpy(&u32, member, sizeof(u32));
			cc_write_varint(w, sizeof(u32));
			cc_write_u32(w, u32);
			break;
		case FIELD_U64:
			memcpy(&u64, member, sizeof(u64));
			cc_write_varint(w, sizeof(u64));
			cc_write_u64(w, u64);
			break;
		case FIELD_DIGEST:
			cc_write_bytes(w, member, CC_DIGEST_SIZE);
			break;
		case FIELD_TEXT:
		case FIELD_OPTIONAL:
			memcpy(&text, member, sizeof(text));
			cc_write_bytes(w, text.data, text.len);
			break;
	}
}

static bool
is_absent(field_type type, const void *member)
{
	cc_slice	text;

	if (type != FIELD_OPTIONAL)
		return false;
	memcpy(&text, member, sizeof(text));
	return text.len == 0;
}

static void
write_record(cc_writer *w, const cc_record *r, bool open)
{
	int			i;

	cc_write_u8(w, CC_LEAF_TRANSACTION);
	cc_write_u8(w, LEAF_VERSION);
	for (i = 0; i < NFIELDS; i++)
	{
		const char *member = (const char *) r + fields[i].offset;

		if (!is_absent(fields[i].type, member) &&
			!(open && i + 1 == CC_RECORD_ROOT))
			write_field(w, (uint8_t) (i + 1), fields[i].type, member);
	}
}

void
cc_write_record(cc_writer *w, const cc_record *r)
{
	write_record(w, r, false);
}

void
cc_write_record_open(cc_writer *w, const cc_record *r)
{
	write_record(w, r, true);
}

static cc_status
load_field(void *member, field_type type, cc_slice value)
{
	static const size_t sizes[] = {4, 8, CC_DIGEST_SIZE};
	uint32_t	u32;
	uint64_t	u64;

	if (type <= FIELD_DIGEST && value.len != sizes[type])
		return CC_E_FORM;
	switch (type)
	{
		case FIELD_U32:
			u32 = cc_load_u32(value.data);
			memcpy(member, &u32, sizeof(u32));
			break;
		case FIELD_U64:
			u64 = cc_load_u64(value.data);
			memcpy(member, &u64, sizeof(u64));
			break;
		case FIELD_DIGEST:
			memcpy(member, value.data, CC_DIGEST_SIZE);
			break;
		case FIELD_OPTIONAL:
			if (value.len == 0)
				return CC_E_FORM;
			/* FALLTHROUGH */
		case FIELD_TEXT:
			memcpy(member, &value, sizeof(value));
			break;
	}
	return CC_OK;
}

/* Are all fields between two tags, both exclusive, optional? */
static bool
may_skip(int from, int to, bool open)
{
	int			tag;

	for (tag = from + 1; tag < to; tag++)
	{
		if (tag <= NFIELDS && fields[tag - 1].type != FIELD_OPTIONAL &&
			!(open && tag == CC_RECORD_ROOT))
			return false;
	}
	return true;
}

/* Reads one field and returns its tag; last is the tag before it. */
static int
read_field(cc_reader *r, cc_record *rec, int last, bool open)
{
	int			tag = cc_read_u8(r);
	cc_slice	value = cc_read_bytes(r);
	const field *f;

	if (r->status != CC_OK)
		return last;
	if (tag <= last || !may_skip(last, tag, open) ||
		(open && tag == CC_RECORD_ROOT))
		cc_reader_fail(r, CC_E_FORM);
	else if (tag <= NFIELDS)
	{
		f = &fields[tag - 1];
		cc_reader_fail(r, load_field((char *) rec + f->offset, f->type,
									 value));
	}
	else if (tag < FIRST_PASSED_TAG)
		cc_reader_fail(r, CC_E_VALUE);
	return tag;
}

static void
read_leaf_head(cc_reader *r, uint8_t type)
{
	uint8_t		first = cc_read_u8(r);
	uint8_t		version = cc_read_u8(r);

	if (first != type || version != LEAF_VERSION)
		cc_reader_fail(r, CC_E_VALUE);
}

static cc_status
decode_record(cc_record *rec, const void *data, size_t len, bool open)
{
	cc_reader	r;
	int			last = 0;

	memset(rec, 0, sizeof(*rec));
	cc_reader_init(&r, data, len);
	read_leaf_head(&r, CC_LEAF_TRANSACTION);
	while (r.status == CC_OK && r.pos < r.len)
		last = read_field(&r, rec, last, open);
	if (!may_skip(last, NFIELDS + 1, open))
		cc_reader_fail(&r, CC_E_TRUNCATED);
	return cc_reader_end(&r);
}

cc_status
cc_record_decode(cc_record *rec, const void *data, size_t len)
{
	return decode_record(rec, data, len, false);
}

cc_status
cc_record_decode_open(cc_record *rec, const void *data, size_t len)
{
	return decode_record(rec, data, len, true);
}

cc_status
cc_record_seal(cc_writer *w, const void *data, size_t len,
			   const uint8_t root[CC_DIGEST_SIZE])
{
	cc_record	rec;
	cc_reader	r;
	cc_status	status = decode_record(&rec, data, len, true);
	bool		written = false;

	if (status != CC_OK)
		return status;
	cc_reader_init(&r, data, len);
	cc_write_u8(w, cc_read_u8(&r));
	cc_write_u8(w, cc_read_u8(&r));
	while (r.pos < r.len || !written)
	{
		uint8_t		tag = r.pos < r.len ? r.data[r.pos] : UINT8_MAX;
		cc_slice	value;

		if (!written && tag > CC_RECORD_ROOT)
		{
			write_field(w, CC_RECORD_ROOT, FIELD_DIGEST, root);
			written = true;
			continue;
		}
		cc_write_u8(w, cc_read_u8(&r));
		value = cc_read_bytes(&r);
		cc_write_bytes(w, value.data, value.len);
	}
	return w->status;
}

void
cc_write_block(cc_writer *w, const cc_block *b)
{
	cc_write_u8(w, CC_LEAF_BLOCK);
	cc_write_u8(w, LEAF_VERSION);
	cc_write_u64(w, b->number);
	cc_write_u64(w, b->first_leaf);
	cc_write_u32(w, b->leaves);
	cc_write_u32(w, b->epoch);
	cc_write_u32(w, b->incarnation);
	cc_write_u64(w, (uint64_t) b->time);
	cc_write_raw(w, b->previous, CC_DIGEST_SIZE);
	cc_write_raw(w, b->environment, CC_DIGEST_SIZE);
	cc_write_bytes(w, b->origin.data, b->origin.len);
	cc_write_bytes(w, b->snapshot.data, b->snapshot.len);
	if (b->has_state)
		cc_write_raw(w, b->state, CC_DIGEST_SIZE);
}

/* A block has its header, ends below 2^63 leaves and names its log. */
static bool
block_valid(const cc_block *b)
{
	uint64_t	most = (uint64_t) INT64_MAX - b->leaves;

	return b->leaves > 0 && b->first_leaf <= most &&
		cc_origin_valid((const char *) b->origin.data, b->origin.len);
}

cc_status
cc_block_decode(cc_block *b, const void *data, size_t len)
{
	cc_reader	r;
	cc_status	status;

	memset(b, 0, sizeof(*b));
	cc_reader_init(&r, data, len);
	read_leaf_head(&r, CC_LEAF_BLOCK);
	b->number = cc_read_u64(&r);
	b->first_leaf = cc_read_u64(&r);
	b->leaves = cc_read_u32(&r);
	b->epoch = cc_read_u32(&r);
	b->incarnation = cc_read_u32(&r);
	b->time = (int64_t) cc_read_u64(&r);
	cc_read_digest(&r, b->previous);
	cc_read_digest(&r, b->environment);
	b->origin = cc_read_bytes(&r);
	b->snapshot = cc_read_bytes(&r);
	b->has_state = r.status == CC_OK && r.pos < r.len;
	if (b->has_state)
		cc_read_digest(&r, b->state);
	status = cc_reader_end(&r);
	if (status != CC_OK)
		return status;
	return block_valid(b) ? CC_OK : CC_E_VALUE;
}
