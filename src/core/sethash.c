/*
 * sethash.c
 *	  Set hash of a table's rows, doc/format.md section 5.4.
 */
#include "core/sethash.h"

#include <string.h>

#define SET_PREFIX 0x1B
#define ELEMENT_PREFIX 0x1C
#define STATE_PREFIX 0x1D
#define EVENT_PREFIX 0x1E

/* Where the wide lanes begin in what is stored without the number of rows. */
#define WIDE_AT (CC_SET_LANES * 2)

/* Division by zero, and so no compilation, unless a stream is an element. */
enum
{
	CC_STREAM_IS_ELEMENT = 1 / (WIDE_AT + CC_SET_WIDE * 8 == CC_STREAM_BYTES)
};

void
cc_set_init(cc_set *set)
{
	memset(set, 0, sizeof(*set));
}

/* Lanes are stored with the low byte first. */
static uint16_t
lane_load(const uint8_t *b)
{
	return (uint16_t) (b[0] | b[1] << 8);
}

static uint64_t
wide_load(const uint8_t *b)
{
	/* Spelled out, compilers make one load of it. */
	return (uint64_t) b[0] | (uint64_t) b[1] << 8 | (uint64_t) b[2] << 16 |
		(uint64_t) b[3] << 24 | (uint64_t) b[4] << 32 | (uint64_t) b[5] << 40 |
		(uint64_t) b[6] << 48 | (uint64_t) b[7] << 56;
}

cc_status
cc_set_add(cc_set *set, cc_stream *stream, uint32_t relation,
		   const uint8_t row_digest[CC_DIGEST_SIZE], int32_t times)
{
	uint8_t		head[4 + CC_DIGEST_SIZE];
	uint8_t		seed[CC_DIGEST_SIZE];
	uint8_t		bytes[CC_STREAM_BYTES];
	uint16_t	factor = (uint16_t) times;
	cc_status	status;
	int			i;

	cc_store_u32(head, relation);
	memcpy(head + 4, row_digest, CC_DIGEST_SIZE);
	cc_digest_prefixed(seed, ELEMENT_PREFIX, head, sizeof(head));
	status = cc_stream_make(stream, seed, bytes);
	if (status != CC_OK)
		return status;
	for (i = 0; i < CC_SET_LANES; i++)
		set->lanes[i] = (uint16_t) (set->lanes[i] +
									(uint32_t) factor * lane_load(bytes + 2 * i));
	for (i = 0; i < CC_SET_WIDE; i++)
		set->wide[i] += (uint64_t) (int64_t) times * wide_load(bytes + WIDE_AT + 8 * i);
	set->rows += (uint64_t) (int64_t) times;
	return CC_OK;
}

void
cc_set_merge(cc_set *set, const cc_set *other)
{
	int			i;

	for (i = 0; i < CC_SET_LANES; i++)
		set->lanes[i] = (uint16_t) (set->lanes[i] + other->lanes[i]);
	for (i = 0; i < CC_SET_WIDE; i++)
		set->wide[i] += other->wide[i];
	set->rows += other->rows;
}

void
cc_set_subtract(cc_set *set, const cc_set *other)
{
	int			i;

	for (i = 0; i < CC_SET_LANES; i++)
		set->lanes[i] = (uint16_t) (set->lanes[i] - other->lanes[i]);
	for (i = 0; i < CC_SET_WIDE; i++)
		set->wide[i] -= other->wide[i];
	set->rows -= other->rows;
}

bool
cc_set_equal(const cc_set *a, const cc_set *b)
{
	return a->rows == b->rows &&
		memcmp(a->wide, b->wide, sizeof(a->wide)) == 0 &&
		memcmp(a->lanes, b->lanes, sizeof(a->lanes)) == 0;
}

bool
cc_set_is_empty(const cc_set *set)
{
	static const cc_set empty;

	return cc_set_equal(set, &empty);
}

void
cc_set_store(const cc_set *set, uint8_t out[CC_SET_BYTES])
{
	int			i;

	cc_store_u64(out, set->rows);
	for (i = 0; i < CC_SET_LANES; i++)
	{
		out[8 + 2 * i] = (uint8_t) (set->lanes[i] & 0xFF);
		out[9 + 2 * i] = (uint8_t) (set->lanes[i] >> 8);
	}
	for (i = 0; i < CC_SET_WIDE * 8; i++)
		out[8 + WIDE_AT + i] = (uint8_t) (set->wide[i / 8] >> i % 8 * 8 & 0xFF);
}

cc_status
cc_set_load(cc_set *set, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	int			i;

	if (len != CC_SET_BYTES)
		return CC_E_FORM;
	set->rows = cc_load_u64(bytes);
	for (i = 0; i < CC_SET_LANES; i++)
		set->lanes[i] = lane_load(bytes + 8 + 2 * i);
	for (i = 0; i < CC_SET_WIDE; i++)
		set->wide[i] = wide_load(bytes + 8 + WIDE_AT + 8 * i);
	return CC_OK;
}

void
cc_set_digest(const cc_set *set, uint8_t out[CC_DIGEST_SIZE])
{
	uint8_t		bytes[CC_SET_BYTES];

	cc_set_store(set, bytes);
	cc_digest_prefixed(out, SET_PREFIX, bytes, sizeof(bytes));
}

/* The state of all tables */

static void
state_u32(cc_state *state, uint32_t v)
{
	uint8_t		b[4];

	cc_store_u32(b, v);
	cc_sha256_update(&state->hash, b, sizeof(b));
}

void
cc_state_init(cc_state *state, const uint8_t events[CC_DIGEST_SIZE], uint32_t sets)
{
	static const uint8_t prefix = STATE_PREFIX;

	cc_sha256_init(&state->hash);
	cc_sha256_update(&state->hash, &prefix, 1);
	cc_sha256_update(&state->hash, events, CC_DIGEST_SIZE);
	state_u32(state, sets);
}

void
cc_state_add(cc_state *state, uint32_t relation, uint32_t version, const cc_set *set)
{
	uint8_t		known = set != NULL;
	uint8_t		digest[CC_DIGEST_SIZE];

	state_u32(state, relation);
	state_u32(state, version);
	cc_sha256_update(&state->hash, &known, 1);
	if (set == NULL)
		return;
	cc_set_digest(set, digest);
	cc_sha256_update(&state->hash, digest, sizeof(digest));
}

void
cc_state_final(cc_state *state, uint8_t out[CC_DIGEST_SIZE])
{
	cc_sha256_final(&state->hash, out);
}

void
cc_state_event(uint8_t events[CC_DIGEST_SIZE], uint64_t leaf_index)
{
	uint8_t		link[CC_DIGEST_SIZE + 8];

	memcpy(link, events, CC_DIGEST_SIZE);
	cc_store_u64(link + CC_DIGEST_SIZE, leaf_index);
	cc_digest_prefixed(events, EVENT_PREFIX, link, sizeof(link));
}
