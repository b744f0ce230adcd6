/*
 * test_commitment.c
 *	  Commitments and lookup numbers against values computed apart from the
 *	  text of doc/format.md; different things commit differently.
 */
#include "core/encode.h"

#include "octets.h"
#include "tap.h"

/* Bytes 0 to 15. */
static uint8_t salt[CC_SALT_SIZE];
static uint8_t schema[CC_DIGEST_SIZE];

static cc_value
value(const char *text)
{
	cc_value	v;

	memset(&v, 0, sizeof(v));
	cc_value_set(&v, text, text == NULL ? 0 : strlen(text));
	return v;
}

static cc_value
long_value(size_t len)
{
	static char text[2048];
	cc_value	v;

	memset(text, 'x', sizeof(text));
	memset(&v, 0, sizeof(v));
	cc_value_set(&v, text, len);
	return v;
}

static bool
column_is(cc_value v, uint16_t position, const char *hex)
{
	uint8_t		out[CC_DIGEST_SIZE];

	cc_column_commitment(out, salt, position, &v);
	return is_hex(out, sizeof(out), hex);
}

static void
test_columns(void)
{
	ok(column_is(value("Ana"), 2, "b0dd62fdd2ce91fc1f2bb1de33419295"
				 "ddae23f1acffc1345daa3ca731d63c33"), "a short value");
	ok(column_is(value(NULL), 2, "c6770fec7176aaa9ae8b8d10d1869e7b"
				 "d4750445977db2390e2c6a94b65b9db3"), "NULL");
	ok(column_is(long_value(1024), 0, "86011cbb9b7eabf24862edf4e79f17cb"
				 "aa0e42fe542e8c4e1a5d5b0dcbaeb6dd"), "1024 bytes");
	ok(column_is(long_value(1025), 0, "9b9d274a7d8d77b4972bbf76a28ec892"
				 "6925fcae1731e0b870f4692b14b071de"), "1025 bytes");
}

static void
test_row(void)
{
	cc_value	v[3];
	uint8_t		commitments[3 * CC_DIGEST_SIZE];
	uint8_t		out[CC_DIGEST_SIZE];
	uint8_t		column_salt[CC_SALT_SIZE];
	cc_salter  *s = cc_salter_new();
	uint16_t	p;

	v[0] = value("1");
	v[1] = value(NULL);
	v[2] = value("");
	cc_salter_begin(s, salt);
	cc_row_commit(out, schema, s, v, 3);
	ok(is_hex(out, sizeof(out), "b86b9e4822f65816b8415e538bdf42fc"
			  "b52d5eba6b4fd6f3671771d15da1d0c9"), "row commitment");
	for (p = 0; p < 3; p++)
	{
		cc_salter_salt(s, CC_SALT_COLUMN(p), column_salt);
		cc_column_commitment(commitments + p * CC_DIGEST_SIZE, column_salt,
							 p, &v[p]);
	}
	ok(cc_salter_end(s) == CC_OK, "salts were made");
	cc_salter_free(s);
	cc_row_commitment(commitments, schema, commitments, 3);
	ok(cc_equal(commitments, out, CC_DIGEST_SIZE),
	   "the same from its column commitments");
	cc_row_digest(out, v, 3);
	ok(is_hex(out, sizeof(out), "323db51302c67542d6ebbcb2508989e7"
			  "87a90ce4b2a4ec95c616fd047836b44c"), "row digest");
	cc_overwritten_commitment(commitments, salt, out);
	ok(is_hex(commitments, CC_DIGEST_SIZE, "a08fc06e45eb110709c85078c6ef9fef"
			  "01f13154ba9b1b8d2ac4f254c9a121f8"), "overwritten commitment");
}

static void
test_key(void)
{
	static const uint16_t positions[] = {2, 0};
	cc_value	v[3];
	cc_value	k[2];
	uint8_t		out[CC_DIGEST_SIZE];
	uint8_t		same[CC_DIGEST_SIZE];

	v[0] = value("1");
	v[1] = value(NULL);
	v[2] = value("");
	k[0] = v[2];
	k[1] = v[0];
	cc_key_commit(out, schema, salt, v, positions, 2);
	ok(is_hex(out, sizeof(out), "5682b5b65b93ac9451a12667bbc29430"
			  "fa7379ec5d533d883179e040113984a6"), "key commitment");
	cc_key_commit(same, schema, salt, k, NULL, 2);
	ok(cc_equal(out, same, sizeof(out)), "the same from values in key order");
	cc_key_digest(out, 7, v, positions, 2);
	ok(is_hex(out, sizeof(out), "fe8cd16f19f4591561be99e6f342d597"
			  "6556bf04b0e85a1eef9a794809963705"), "key digest");
	ok(cc_lookup_key(7, v, positions, 2) == INT64_C(-104478416229345003),
	   "lookup number of a key");
	ok(cc_lookup_key(8, v, positions, 2) != cc_lookup_key(7, v, positions, 2),
	   "the relation counts");
	v[0] = value("42");
	ok(cc_lookup_subject(&v[0]) == INT64_C(920833761719793344),
	   "lookup number of a subject");
}

/* Are these rows of two values told apart by every hash of a row? */
static bool
rows_differ(const char *a0, const char *a1, const char *b0, const char *b1)
{
	cc_value	a[2];
	cc_value	b[2];
	uint8_t		x[CC_DIGEST_SIZE];
	uint8_t		y[CC_DIGEST_SIZE];

	a[0] = value(a0);
	a[1] = value(a1);
	b[0] = value(b0);
	b[1] = value(b1);
	cc_row_digest(x, a, 2);
	cc_row_digest(y, b, 2);
	if (cc_equal(x, y, sizeof(x)))
		return false;
	cc_key_commit(x, schema, salt, a, NULL, 2);
	cc_key_commit(y, schema, salt, b, NULL, 2);
	return !cc_equal(x, y, sizeof(x)) &&
		cc_lookup_key(1, a, NULL, 2) != cc_lookup_key(1, b, NULL, 2);
}

static void
test_ambiguity(void)
{
	cc_value	a = value("ab");
	cc_value	b = value("ab");
	uint8_t		x[CC_DIGEST_SIZE];
	uint8_t		y[CC_DIGEST_SIZE];

	ok(rows_differ("ab", "c", "a", "bc"), "'ab','c' is not 'a','bc'");
	ok(rows_differ(NULL, "a", "", "a"), "NULL is not the empty string");
	ok(rows_differ("a", NULL, NULL, "a"), "order counts");
	ok(rows_differ("", "ab", "ab", ""), "an empty value has its place");
	cc_row_digest(x, &a, 1);
	cc_key_commit(y, schema, salt, &a, NULL, 1);
	ok(!cc_equal(x, y, sizeof(x)), "a row is not a key");
	cc_column_commitment(x, salt, 0, &a);
	cc_column_commitment(y, salt, 1, &b);
	ok(!cc_equal(x, y, sizeof(x)), "the same value elsewhere differs");
	cc_row_digest(x, &a, 0);
	cc_row_commitment(y, schema, NULL, 0);
	ok(!cc_equal(x, y, sizeof(x)), "a row of no columns is not its digest");
}

/* The digest of a long value, as a value of its own, is another value. */
static void
test_long_values(void)
{
	cc_value	v = long_value(1500);
	cc_value	other = long_value(1501);
	cc_value	reference = v;
	cc_value	digest;
	uint8_t		x[CC_DIGEST_SIZE];
	uint8_t		y[CC_DIGEST_SIZE];

	reference.form = CC_VALUE_REFERENCE;
	reference.data = NULL;
	ok(cc_value_equal(&v, &reference) && cc_value_equal(&reference, &v),
	   "a long value equals a reference to it");
	cc_row_digest(x, &v, 1);
	cc_row_digest(y, &reference, 1);
	ok(cc_equal(x, y, sizeof(x)), "and hashes alike");
	ok(!cc_value_equal(&v, &other), "another length is another value");
	cc_value_set(&digest, v.digest, CC_DIGEST_SIZE);
	cc_row_digest(y, &digest, 1);
	ok(!cc_value_equal(&v, &digest) && !cc_equal(x, y, sizeof(x)),
	   "its digest is another value");
	reference.len++;
	cc_row_digest(y, &reference, 1);
	ok(!cc_value_equal(&v, &reference) && !cc_equal(x, y, sizeof(x)),
	   "the length of a reference counts");
}

static void
test_equal(void)
{
	cc_value	null = value(NULL);
	cc_value	empty = value("");
	cc_value	a = value("a");
	cc_value	b = value("b");

	ok(cc_value_equal(&null, &null) && cc_value_equal(&empty, &empty) &&
	   cc_value_equal(&a, &a), "a value equals itself");
	ok(!cc_value_equal(&null, &empty) && !cc_value_equal(&a, &b) &&
	   !cc_value_equal(&a, &empty), "and no other");
}

int
main(void)
{
	int			i;

	for (i = 0; i < CC_SALT_SIZE; i++)
		salt[i] = (uint8_t) i;
	for (i = 0; i < CC_DIGEST_SIZE; i++)
		schema[i] = (uint8_t) (0x40 + i);
	test_columns();
	test_row();
	test_key();
	test_ambiguity();
	test_long_values();
	test_equal();
	return done_testing();
}
