/*
 * encode_value.c
 *	  Values, their commitments and lookup numbers (doc/format.md section 3).
 */
#include "core/encode.h"

#include <string.h>

#define COLUMN_PREFIX 0x10
#define ROW_PREFIX 0x11
#define KEY_PREFIX 0x12
#define OVERWRITTEN_PREFIX 0x13
#define ROW_DIGEST_PREFIX 0x14
#define LOOKUP_KEY_PREFIX 0x15
#define LOOKUP_SUBJECT_PREFIX 0x16
#define LONG_VALUE_PREFIX 0x18

/* Stored values: what precedes, or is, the length. */
#define STORED_NULL 0
#define STORED_REFERENCE 1
#define STORED_LENGTH_BIAS 2

void
cc_value_set(cc_value *v, const void *data, size_t len)
{
	v->data = data;
	v->len = len;
	if (data == NULL)
	{
		v->form = CC_VALUE_NULL;
		v->len = 0;
	}
	else if (len <= CC_LONG_VALUE)
		v->form = CC_VALUE_SHORT;
	else
	{
		v->form = CC_VALUE_LONG;
		cc_digest_prefixed(v->digest, LONG_VALUE_PREFIX, data, len);
	}
}

static bool
is_long(const cc_value *v)
{
	return v->form == CC_VALUE_LONG || v->form == CC_VALUE_REFERENCE;
}

bool
cc_value_equal(const cc_value *a, const cc_value *b)
{
	if (is_long(a) != is_long(b) || a->len != b->len)
		return false;
	if (is_long(a))
		return memcmp(a->digest, b->digest, CC_DIGEST_SIZE) == 0;
	if (a->form != b->form)
		return false;
	return a->len == 0 || memcmp(a->data, b->data, (size_t) a->len) == 0;
}

/* Room for a value image: its head, and a short value or a digest. */
#define IMAGE_MAX (9 + CC_LONG_VALUE)

/* Write a value image; its length. */
static size_t
put_value(uint8_t *out, const cc_value *v)
{
	out[0] = CC_VALUE_NULL;
	if (is_long(v))
	{
		out[0] = CC_VALUE_LONG;
		cc_store_u64(out + 1, v->len);
		memcpy(out + 9, v->digest, CC_DIGEST_SIZE);
		return 9 + CC_DIGEST_SIZE;
	}
	if (v->form != CC_VALUE_SHORT)
		return 1;
	out[0] = CC_VALUE_SHORT;
	cc_store_u32(out + 1, (uint32_t) v->len);
	if (v->len > 0)
		memcpy(out + 5, v->data, (size_t) v->len);
	return 5 + (size_t) v->len;
}

/* Add a value image to a running hash. */
static void
hash_value(cc_sha256 *h, const cc_value *v)
{
	uint8_t		image[IMAGE_MAX];

	cc_sha256_update(h, image, put_value(image, v));
}

/* Start a hash with its prefix and, unless NULL, a salt. */
static void
begin(cc_sha256 *h, uint8_t prefix, const uint8_t *salt)
{
	cc_sha256_init(h);
	cc_sha256_update(h, &prefix, 1);
	if (salt != NULL)
		cc_sha256_update(h, salt, CC_SALT_SIZE);
}

static void
hash_u16(cc_sha256 *h, uint16_t v)
{
	uint8_t		b[2];

	cc_store_u16(b, v);
	cc_sha256_update(h, b, sizeof(b));
}

void
cc_column_commitment(uint8_t out[CC_DIGEST_SIZE],
					 const uint8_t salt[CC_SALT_SIZE],
					 uint16_t position, const cc_value *v)
{
	uint8_t		message[1 + CC_SALT_SIZE + 2 + IMAGE_MAX];
	uint8_t    *image = message + 1 + CC_SALT_SIZE + 2;

	message[0] = COLUMN_PREFIX;
	memcpy(message + 1, salt, CC_SALT_SIZE);
	cc_store_u16(image - 2, position);
	cc_digest(out, message, (size_t) (image - message) + put_value(image, v));
}

void
cc_row_commitment(uint8_t out[CC_DIGEST_SIZE],
				  const uint8_t schema[CC_DIGEST_SIZE],
				  const uint8_t *commitments, uint16_t n)
{
	cc_sha256	h;

	begin(&h, ROW_PREFIX, NULL);
	cc_sha256_update(&h, schema, CC_DIGEST_SIZE);
	hash_u16(&h, n);
	cc_sha256_update(&h, commitments, (size_t) n * CC_DIGEST_SIZE);
	cc_sha256_final(&h, out);
}

/* Columns whose commitments are added to a row's hash together. */
#define COLUMNS_AT_ONCE 16

void
cc_row_commit(uint8_t out[CC_DIGEST_SIZE],
			  const uint8_t schema[CC_DIGEST_SIZE], cc_salter *salter,
			  const cc_value *values, uint16_t n)
{
	uint8_t		commitments[COLUMNS_AT_ONCE][CC_DIGEST_SIZE];
	uint8_t		salt[CC_SALT_SIZE];
	cc_sha256	row;
	uint16_t	p;

	begin(&row, ROW_PREFIX, NULL);
	cc_sha256_update(&row, schema, CC_DIGEST_SIZE);
	hash_u16(&row, n);
	for (p = 0; p < n; p++)
	{
		cc_salter_salt(salter, CC_SALT_COLUMN(p), salt);
		cc_column_commitment(commitments[p % COLUMNS_AT_ONCE], salt, p, &values[p]);
		if (p % COLUMNS_AT_ONCE == COLUMNS_AT_ONCE - 1)
			cc_sha256_update(&row, commitments, sizeof(commitments));
	}
	cc_sha256_update(&row, commitments, (size_t) (n % COLUMNS_AT_ONCE) * CC_DIGEST_SIZE);
	cc_sha256_final(&row, out);
}

/* Add a key image to a running hash. */
static void
hash_key(cc_sha256 *h, const cc_value *values,
		 const uint16_t *positions, uint16_t k)
{
	uint16_t	i;

	hash_u16(h, k);
	for (i = 0; i < k; i++)
		hash_value(h, &values[positions == NULL ? i : positions[i]]);
}

void
cc_key_commit(uint8_t out[CC_DIGEST_SIZE],
			  const uint8_t schema[CC_DIGEST_SIZE],
			  const uint8_t salt[CC_SALT_SIZE],
			  const cc_value *values, const uint16_t *positions, uint16_t k)
{
	cc_sha256	h;

	begin(&h, KEY_PREFIX, salt);
	cc_sha256_update(&h, schema, CC_DIGEST_SIZE);
	hash_key(&h, values, positions, k);
	cc_sha256_final(&h, out);
}

void
cc_key_digest(uint8_t out[CC_DIGEST_SIZE], uint32_t relation,
			  const cc_value *values, const uint16_t *positions, uint16_t k)
{
	uint8_t		number[4];
	cc_sha256	h;

	cc_store_u32(number, relation);
	begin(&h, LOOKUP_KEY_PREFIX, NULL);
	cc_sha256_update(&h, number, sizeof(number));
	hash_key(&h, values, positions, k);
	cc_sha256_final(&h, out);
}

int64_t
cc_lookup_key(uint32_t relation, const cc_value *values,
			  const uint16_t *positions, uint16_t k)
{
	uint8_t		digest[CC_DIGEST_SIZE];

	cc_key_digest(digest, relation, values, positions, k);
	return (int64_t) cc_load_u64(digest);
}

int64_t
cc_lookup_subject(const cc_value *v)
{
	uint8_t		digest[CC_DIGEST_SIZE];
	cc_sha256	h;

	begin(&h, LOOKUP_SUBJECT_PREFIX, NULL);
	hash_value(&h, v);
	cc_sha256_final(&h, digest);
	return (int64_t) cc_load_u64(digest);
}

void
cc_row_digest(uint8_t out[CC_DIGEST_SIZE], const cc_value *values, uint16_t n)
{
	cc_sha256	h;
	uint16_t	p;

	begin(&h, ROW_DIGEST_PREFIX, NULL);
	hash_u16(&h, n);
	for (p = 0; p < n; p++)
		hash_value(&h, &values[p]);
	cc_sha256_final(&h, out);
}

void
cc_overwritten_commitment(uint8_t out[CC_DIGEST_SIZE],
						  const uint8_t salt[CC_SALT_SIZE],
						  const uint8_t row_digest[CC_DIGEST_SIZE])
{
	cc_sha256	h;

	begin(&h, OVERWRITTEN_PREFIX, salt);
	cc_sha256_update(&h, row_digest, CC_DIGEST_SIZE);
	cc_sha256_final(&h, out);
}

void
cc_write_value(cc_writer *w, const cc_value *v)
{
	if (v->form == CC_VALUE_NULL)
		cc_write_varint(w, STORED_NULL);
	else if (v->form == CC_VALUE_REFERENCE)
	{
		cc_write_varint(w, STORED_REFERENCE);
		cc_write_varint(w, v->len);
		cc_write_raw(w, v->digest, CC_DIGEST_SIZE);
	}
	else
	{
		cc_write_varint(w, v->len + STORED_LENGTH_BIAS);
		cc_write_raw(w, v->data, (size_t) v->len);
	}
}

static void
read_reference(cc_reader *r, cc_value *v)
{
	uint64_t	len = cc_read_varint(r);
	cc_slice	digest = cc_read_raw(r, CC_DIGEST_SIZE);

	if (r->status == CC_OK && len <= CC_LONG_VALUE)
		cc_reader_fail(r, CC_E_FORM);
	if (r->status != CC_OK)
		return;
	v->form = CC_VALUE_REFERENCE;
	v->len = len;
	memcpy(v->digest, digest.data, CC_DIGEST_SIZE);
}

void
cc_read_value(cc_reader *r, cc_value *v)
{
	uint64_t	n = cc_read_varint(r);
	cc_slice	s;

	cc_value_set(v, NULL, 0);
	if (n == STORED_NULL)
		return;
	if (n == STORED_REFERENCE)
	{
		read_reference(r, v);
		return;
	}
	if (n - STORED_LENGTH_BIAS > r->len - r->pos)
		cc_reader_fail(r, CC_E_TRUNCATED);
	s = cc_read_raw(r, (size_t) (n - STORED_LENGTH_BIAS));
	if (r->status == CC_OK)
		cc_value_set(v, s.data, s.len);
}
