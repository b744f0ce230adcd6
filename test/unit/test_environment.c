/*
 * test_environment.c
 *	  Environment fingerprint: against the formula, order of names, no item.
 */
#include "core/environment.h"

#include <string.h>

#include "octets.h"
#include "tap.h"

static cc_slice
slice(const char *text)
{
	cc_slice	s = {(const uint8_t *) text, strlen(text)};

	return s;
}

static void
fingerprint(uint8_t out[CC_DIGEST_SIZE], uint32_t n, const char *const *texts)
{
	cc_environment e;
	uint32_t	i;

	cc_environment_begin(&e, n);
	for (i = 0; i < n; i++)
		cc_environment_add(&e, slice(texts[2 * i]), slice(texts[2 * i + 1]));
	cc_environment_end(&e, out);
}

static void
test_formula(void)
{
	static const char *const items[] = {"a", "bc", "d", "e"};
	uint8_t		expected[CC_DIGEST_SIZE];
	uint8_t		out[CC_DIGEST_SIZE];

	cc_digest_prefixed(expected, 0x1A, "\0\0\0\2\1a\2bc\1d\1e", 13);
	fingerprint(out, 2, items);
	ok(cc_equal(out, expected, CC_DIGEST_SIZE), "prefix, count, texts with their lengths");
}

static void
test_boundaries(void)
{
	static const char *const one[] = {"ab", "c"};
	static const char *const other[] = {"a", "bc"};
	static const char *const two[] = {"a", "b", "c", "d"};
	uint8_t		out[3][CC_DIGEST_SIZE];

	fingerprint(out[0], 1, one);
	fingerprint(out[1], 1, other);
	fingerprint(out[2], 2, two);
	ok(!cc_equal(out[0], out[1], CC_DIGEST_SIZE), "a name does not run into its text");
	ok(!cc_equal(out[1], out[2], CC_DIGEST_SIZE), "one item is not two");
}

static void
test_nothing(void)
{
	static const uint8_t zeros[CC_DIGEST_SIZE];
	uint8_t		out[CC_DIGEST_SIZE];

	fingerprint(out, 0, NULL);
	ok(cc_equal(out, zeros, CC_DIGEST_SIZE), "no item gives zeros");
}

static void
test_order(void)
{
	ok(cc_environment_compare(slice("a"), slice("ab")) < 0, "a shorter name comes first");
	ok(cc_environment_compare(slice("\xc3\xa9"), slice("z")) > 0, "bytes are unsigned");
	ok(cc_environment_compare(slice("x"), slice("x")) == 0, "equal names");
	ok(cc_environment_compare(slice(""), slice("")) == 0, "empty names");
}

int
main(void)
{
	test_formula();
	test_boundaries();
	test_nothing();
	test_order();
	return done_testing();
}
