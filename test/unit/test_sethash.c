/*
 * test_sethash.c
 *	  Set hashes: order, multiplicity, difference, form; values made by
 *	  test/recompute/sets.py.
 */
#include "core/sethash.h"

#include "octets.h"
#include "tap.h"

#define ROWS 64

static cc_stream *stream;

/* The row digest number i: thirty-two bytes of i. */
static void
add(cc_set *set, uint32_t relation, int i, int32_t times)
{
	uint8_t		digest[CC_DIGEST_SIZE];

	memset(digest, i, sizeof(digest));
	if (cc_set_add(set, stream, relation, digest, times) != CC_OK)
		abort();
}

static bool
digest_is(const cc_set *set, const char *hex)
{
	uint8_t		digest[CC_DIGEST_SIZE];

	cc_set_digest(set, digest);
	return is_hex(digest, sizeof(digest), hex);
}

static void
test_values(void)
{
	cc_set		set;

	cc_set_init(&set);
	ok(cc_set_is_empty(&set), "no row");
	ok(digest_is(&set, "e0119f40f95a113831769fb9227b9b250578456390c921d860f1d792483bbe7d"), "digest of the empty set");
	add(&set, 7, 1, 1);
	ok(digest_is(&set, "65ac90282121bd6da248ab61c1d7c6394e36644d80d9d53111976c14f366fabc"), "of one row");
	add(&set, 7, 2, 3);
	ok(digest_is(&set, "29bf84299b8c85a1a57417b1e8bf0167beca233ce671c2212763658685f64fe5"), "of four, three of them equal");
	ok(!cc_set_is_empty(&set), "which is not none");
}

static void
test_order(void)
{
	cc_set		up;
	cc_set		down;
	int			i;

	cc_set_init(&up);
	cc_set_init(&down);
	for (i = 0; i < ROWS; i++)
	{
		add(&up, 7, i, 1);
		add(&down, 7, ROWS - 1 - i, 1);
	}
	ok(cc_set_equal(&up, &down), "the order of rows does not matter");
	add(&down, 7, 5, 1);
	ok(!cc_set_equal(&up, &down), "one row twice is not once");
	add(&down, 7, 5, -1);
	ok(cc_set_equal(&up, &down), "taken away again it is");
	for (i = 0; i < ROWS; i++)
		add(&up, 7, i, -1);
	ok(cc_set_is_empty(&up), "nothing is left when all are gone");
}

static void
test_difference(void)
{
	cc_set		a;
	cc_set		b;

	cc_set_init(&a);
	cc_set_init(&b);
	add(&a, 7, 1, 1);
	add(&b, 8, 1, 1);
	ok(!cc_set_equal(&a, &b), "the relation is part of a row");
	cc_set_init(&b);
	add(&b, 7, 2, 1);
	ok(!cc_set_equal(&a, &b), "other values make another set");
	cc_set_init(&a);
	add(&a, 7, 1, 65535);
	add(&a, 7, 1, 1);
	add(&a, 7, 2, -65536);
	ok(a.rows == 0 && !cc_set_is_empty(&a), "65536 copies of a row are not as many of another");
}

static void
test_merge(void)
{
	cc_set		both;
	cc_set		a;
	cc_set		b;

	cc_set_init(&both);
	cc_set_init(&a);
	cc_set_init(&b);
	add(&both, 7, 1, 1);
	add(&both, 7, 2, -2);
	add(&a, 7, 1, 1);
	add(&b, 7, 2, -2);
	cc_set_merge(&a, &b);
	ok(cc_set_equal(&a, &both), "sets of parts add up");
	cc_set_subtract(&a, &b);
	cc_set_subtract(&both, &b);
	ok(cc_set_equal(&a, &both), "and can be taken away");
}

static void
test_form(void)
{
	uint8_t		bytes[CC_SET_BYTES + 1];
	cc_set		set;
	cc_set		loaded;

	cc_set_init(&set);
	add(&set, 7, 1, 3);
	cc_set_store(&set, bytes);
	ok(cc_set_load(&loaded, bytes, CC_SET_BYTES) == CC_OK && cc_set_equal(&set, &loaded),
	   "stored and loaded");
	ok(cc_set_load(&loaded, bytes, CC_SET_BYTES - 1) == CC_E_FORM &&
	   cc_set_load(&loaded, bytes, CC_SET_BYTES + 1) == CC_E_FORM, "of no other length");
}

static void
test_state(void)
{
	uint8_t		events[CC_DIGEST_SIZE] = {0};
	uint8_t		digest[CC_DIGEST_SIZE];
	cc_state	state;
	cc_set		set;

	cc_set_init(&set);
	add(&set, 7, 1, 1);
	cc_state_event(events, 1);
	cc_state_event(events, 4);
	cc_state_init(&state, events, 2);
	cc_state_add(&state, 7, 1, &set);
	cc_state_add(&state, 9, 3, NULL);
	cc_state_final(&state, digest);
	ok(is_hex(digest, sizeof(digest), "da7314c1b8cb401d82c80ff732577f7f6fae65d7f3a6457ddef2e9b2d2818cc1"), "digest of the state of two tables");
}

int
main(void)
{
	stream = cc_stream_new();
	if (stream == NULL)
		return 1;
	test_values();
	test_order();
	test_difference();
	test_merge();
	test_form();
	test_state();
	cc_stream_free(stream);
	return done_testing();
}
