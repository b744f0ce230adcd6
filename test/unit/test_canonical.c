/*
 * test_canonical.c
 *	  Every decoder accepts one form only: what it accepts is written back
 *	  byte for byte, whatever is flipped, cut, added or stretched.
 */
#include "core/encode.h"

#include "samples.h"
#include "tap.h"

static samples all;

static bool
round_trips(const sample *s)
{
	cc_status	status;

	return codec_holds(s->codec, s->data, s->len, &status) &&
		status == CC_OK;
}

/* Times the property fails when one bit of the sample is flipped. */
static int
flip_bits(const sample *s, uint8_t *data)
{
	cc_status	status;
	int			failed = 0;
	size_t		bit;

	memcpy(data, s->data, s->len);
	for (bit = 0; bit < s->len * 8; bit++)
	{
		data[bit / 8] ^= (uint8_t) (1 << bit % 8);
		failed += !codec_holds(s->codec, data, s->len, &status);
		data[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	return failed;
}

/* Put any byte in front of every byte, and take every byte away. */
static int
shift_bytes(const sample *s, uint8_t *data)
{
	static const uint8_t inserted[] = {0, 1, 2, 0x7F, 0x80, 0xFF};
	cc_status	status;
	int			failed = 0;
	size_t		i;
	size_t		j;

	for (i = 0; i <= s->len; i++)
	{
		memcpy(data, s->data, i);
		memcpy(data + i + 1, s->data + i, s->len - i);
		for (j = 0; j < sizeof(inserted); j++)
		{
			data[i] = inserted[j];
			failed += !codec_holds(s->codec, data, s->len + 1, &status);
		}
		if (i == s->len)
			break;
		memcpy(data + i, s->data + i + 1, s->len - i - 1);
		failed += !codec_holds(s->codec, data, s->len - 1, &status);
	}
	return failed;
}

/* Cut at every length; a count of those accepted as something. */
static int
cut(const sample *s)
{
	cc_status	status;
	int			accepted = 0;
	size_t		len;

	for (len = 0; len < s->len; len++)
	{
		if (!codec_holds(s->codec, s->data, len, &status))
			return -1;
		accepted += status == CC_OK;
	}
	return accepted;
}

/*
 * A record cut after its last required field is a record, a block header without
 * its state is one, and so is a body that is kept undecoded; nothing else is cut
 * and accepted.
 */
static bool
may_be_cut(const sample *s)
{
	return s->codec == record_codec || s->codec == block_codec ||
		(s->codec == entry_codec && s->data[0] >= CC_KIND_TRUNCATE);
}

static void
test_sample(const sample *s)
{
	static uint8_t data[sizeof(s->data) + 1];
	int			n;

	ok(round_trips(s), "%s: round trip", s->name);
	ok(flip_bits(s, data) == 0, "%s: flipped bits", s->name);
	ok(shift_bytes(s, data) == 0, "%s: bytes added and removed", s->name);
	n = cut(s);
	ok(n == 0 || (n > 0 && may_be_cut(s)), "%s: cut", s->name);
}

/* Replace len bytes at an offset by others, and decode. */
static cc_status
splice(const sample *s, size_t at, size_t len, const char *hex)
{
	uint8_t		data[sizeof(s->data) + 64];
	uint8_t		other[64];
	size_t		n = unhex(other, sizeof(other), hex);
	cc_status	status;

	memcpy(data, s->data, at);
	memcpy(data + at, other, n);
	memcpy(data + at + n, s->data + at + len, s->len - at - len);
	if (!codec_holds(s->codec, data, s->len - len + n, &status))
		return CC_OK;
	return status;
}

static const sample *
find(const char *name)
{
	int			i;

	for (i = 0; i < all.n; i++)
	{
		if (strcmp(all.items[i].name, name) == 0)
			return &all.items[i];
	}
	abort();
}

static void
test_stretched_varints(void)
{
	ok(splice(find("empty value"), 0, 1, "8200") == CC_E_FORM,
	   "a value's length in two bytes");
	ok(splice(find("NULL"), 0, 1, "8000") == CC_E_FORM, "NULL in two bytes");
	ok(splice(find("shortest record"), 3, 1, "8400") == CC_E_FORM,
	   "a field's length in two bytes");
	ok(splice(find("schema of key columns"), 0, 1, "8600") == CC_E_FORM,
	   "a text's length in two bytes");
}

static void
test_references(void)
{
	const sample *s = find("reference");

	ok(splice(s, 1, 2, "8008") == CC_E_FORM,
	   "a reference to 1024 bytes is refused");
	ok(splice(s, 1, 2, "ffffffffffffffffff01") == CC_OK,
	   "a reference may have any greater length");
	ok(splice(s, 0, 35, "ffffffffffffffffff01") == CC_E_TRUNCATED,
	   "a value longer than memory is refused");
}

static void
test_entry_heads(void)
{
	const sample *s = find("baseline");

	ok(splice(s, 0, 1, "00") != CC_OK && splice(s, 0, 1, "06") != CC_OK &&
	   splice(s, 0, 1, "19") != CC_OK && splice(s, 0, 1, "ff") != CC_OK,
	   "other kinds are refused");
	ok(splice(s, 1, 1, "01") == CC_E_VALUE &&
	   splice(s, 1, 1, "02") == CC_E_VALUE, "flags of another kind");
	ok(splice(find("insert"), 1, 1, "01") == CC_E_VALUE,
	   "an insert does not change a key");
	ok(splice(find("update"), 1, 1, "02") == CC_E_VALUE,
	   "an update does not move");
	ok(splice(find("environment"), 5, 1, "01") == CC_E_VALUE,
	   "an environment entry concerns no table");
}

/* Offsets in the shortest record: head 2, then tags with their lengths. */
static void
test_records(void)
{
	const sample *s = find("shortest record");
	size_t		end = s->len;

	ok(splice(s, 0, 1, "02") == CC_E_VALUE, "not a transaction record");
	ok(splice(s, 1, 1, "02") == CC_E_VALUE, "not of this version");
	ok(splice(s, 2, 6, "") == CC_E_FORM, "a required field is missing");
	ok(splice(s, 2, 0, "010400000001") == CC_E_FORM, "a field twice");
	ok(splice(s, 2, 0, "0000") == CC_E_FORM, "tag 0");
	ok(splice(s, 3, 5, "03000001") == CC_E_FORM, "a number of three bytes");
	ok(splice(s, end, 0, "1000") == CC_E_FORM, "an empty optional field");
	ok(splice(s, end, 0, "110161") == CC_OK, "an optional field");
	ok(splice(s, end, 0, "110161100161") == CC_E_FORM, "tags out of order");
	ok(splice(s, end, 0, "140161") == CC_E_VALUE &&
	   splice(s, end, 0, "7f0161") == CC_E_VALUE, "unlisted tags");
	ok(splice(s, end - 34, 34, "") == CC_E_TRUNCATED, "no root");
	ok(splice(s, end - 34, 34, "110161") == CC_E_FORM,
	   "a later field for the root");
}

static void
test_reserved_tags(void)
{
	const sample *s = find("shortest record");
	uint8_t		data[sizeof(s->data)];
	cc_record	r;
	size_t		n = s->len;

	memcpy(data, s->data, n);
	memcpy(data + n, "\x80\1a\xFF\0", 5);
	ok(cc_record_decode(&r, data, n + 5) == CC_OK &&
	   slice_is(r.current_users, "nurse,owner"), "reserved tags pass");
	memcpy(data + n, "\xFF\0\x80\1a", 5);
	ok(cc_record_decode(&r, data, n + 5) == CC_E_FORM, "but in order");
	memcpy(data + n, "\x80\4a", 3);
	ok(cc_record_decode(&r, data, n + 3) == CC_E_TRUNCATED, "and whole");
}

static void
test_blocks(void)
{
	const sample *s = find("block header");
	size_t		origin = 2 + 8 + 8 + 4 + 4 + 4 + 8 + 64;

	ok(splice(s, 18, 4, "00000000") == CC_E_VALUE, "a block has a header");
	ok(splice(s, 10, 8, "7ffffffffffffffd") == CC_E_VALUE,
	   "a block ends below 2^63");
	ok(splice(s, 10, 8, "7ffffffffffffffc") == CC_OK, "or just there");
	ok(splice(s, origin, 25, "00") == CC_E_VALUE, "an empty origin");
	ok(splice(s, origin, 25, "03612062") == CC_E_VALUE,
	   "an origin with a space");
}

static void
test_schemas(void)
{
	const sample *s = find("schema of key columns");
	size_t		key = 7 + 6 + 7 + 11 + 5;

	ok(splice(s, key, 1, "03") == CC_E_VALUE, "another key kind");
	ok(splice(s, key, 1, "02") == CC_E_VALUE, "a whole row with key columns");
	ok(splice(s, key + 1, 6, "0000") == CC_E_VALUE, "no key columns");
	ok(splice(s, key + 3, 4, "00010001") == CC_E_VALUE, "a key column twice");
	ok(splice(s, key + 3, 4, "00010003") == CC_E_VALUE,
	   "a key column that is none");
	ok(splice(s, key + 7, 2, "0003") == CC_E_VALUE,
	   "a subject that is no column");
	ok(splice(s, key + 7, 2, "ffff") == CC_OK, "no subject");
	ok(splice(s, s->len - 2, 1, "04") == CC_E_VALUE, "another column flag");
	ok(splice(s, s->len - 1, 1, "01ffff03"
			  "00000000000000000000000000000000"
			  "00000000000000000000000000000000") == CC_E_VALUE,
	   "a missing value that is a reference");
	ok(splice(s, key + 9, 2, "0681") == CC_E_VALUE, "1665 columns");
	ok(splice(s, key + 9, 2, "0680") == CC_E_TRUNCATED, "1664 too few");
}

/* Kind, flags and form; then the key's state, salt and values. */
static void
test_redacted(void)
{
	const sample *s = find("redacted update");

	ok(splice(s, 3, 1, "02") == CC_E_VALUE, "another state of a key");
	ok(splice(s, s->len - 33, 1, "02") == CC_E_VALUE,
	   "another state of a column");
	ok(splice(s, s->len - 33, 33, "") == CC_E_TRUNCATED, "a column missing");
	ok(splice(s, s->len, 0, "00") == CC_E_TRAILING, "a byte more");
}

static void
test_schema_capacity(void)
{
	const sample *s = find("schema of key columns");
	codec_table t;
	cc_schema	got;

	codec_table_init(&t);
	got = t.schema;
	got.key_capacity = 1;
	ok(cc_schema_decode(&got, s->data, s->len) == CC_E_SPACE,
	   "no room for the key columns");
	got = t.schema;
	got.column_capacity = 2;
	ok(cc_schema_decode(&got, s->data, s->len) == CC_E_SPACE,
	   "no room for the columns");
	ok(cc_schema_decode(&t.schema, s->data, s->len) == CC_OK &&
	   cc_schema_key_count(&t.schema) == 2 &&
	   cc_schema_key_positions(&t.schema) == t.positions,
	   "room for both");
	s = find("schema of whole rows");
	ok(cc_schema_decode(&t.schema, s->data, s->len) == CC_OK &&
	   cc_schema_key_count(&t.schema) == 3 &&
	   cc_schema_key_positions(&t.schema) == NULL,
	   "a whole row is a key of all columns");
}

int
main(void)
{
	int			i;

	samples_make(&all);
	for (i = 0; i < all.n; i++)
		test_sample(&all.items[i]);
	test_stretched_varints();
	test_references();
	test_entry_heads();
	test_records();
	test_reserved_tags();
	test_blocks();
	test_schemas();
	test_redacted();
	test_schema_capacity();
	return done_testing();
}
