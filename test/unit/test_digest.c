/*
 * test_digest.c
 *	  SHA-256 against NIST's vectors; salts; constant-time comparison.
 */
#include "core/digest.h"

#include "octets.h"
#include "tap.h"
#include "vectors.h"

static bool
sha256_is(const char *message_hex, const char *digest_hex)
{
	uint8_t		message[256];
	uint8_t		out[CC_DIGEST_SIZE];
	size_t		len = unhex(message, sizeof(message), message_hex);
	cc_sha256	h;
	cc_sha256	copy;

	cc_sha256_init(&h);
	cc_sha256_update(&h, message, len / 2);
	copy = h;
	cc_sha256_update(&h, message + len / 2, len - len / 2);
	cc_sha256_final(&h, out);
	if (!is_hex(out, sizeof(out), digest_hex))
		return false;
	cc_sha256_update(&copy, message + len / 2, len - len / 2);
	cc_sha256_final(&copy, out);
	return is_hex(out, sizeof(out), digest_hex);
}

static void
test_nist(void)
{
	int			failed = 0;
	int			i;

	for (i = 0; i < N_SHA256_VECTORS; i++)
	{
		if (!sha256_is(sha256_vectors[i].msg_hex,
					   sha256_vectors[i].sha256_hex))
			failed++;
	}
	ok(failed == 0, "%d NIST vectors, in two parts and copied midway", i);
}

static void
test_prefixed(void)
{
	uint8_t		out[CC_DIGEST_SIZE];

	/* H("abc"), FIPS 180. */
	cc_digest_prefixed(out, 'a', "bc", 2);
	ok(is_hex(out, sizeof(out),
			  "ba7816bf8f01cfea414140de5dae2223"
			  "b00361a396177a9cb410ff61f20015ad"), "prefix and data");
}

/* AES-128 of small numbers under the zero key. */
static void
test_salts(void)
{
	static const uint8_t secret[CC_SECRET_SIZE] = {0};
	static const uint8_t other[CC_SECRET_SIZE] = {1};
	uint8_t		salt[CC_SALT_SIZE];
	cc_salter  *s = cc_salter_new();

	cc_salter_begin(s, other);
	cc_salter_salt(s, 0, salt);
	ok(cc_salter_end(s) == CC_OK && salt[0] != 0x66, "salts of one secret");
	cc_salter_begin(s, secret);
	cc_salter_salt(s, 0, salt);
	ok(is_hex(salt, sizeof(salt), "66e94bd4ef8a2c3b884cfa59ca342b2e"),
	   "salt 0 is the first block of the key stream");
	cc_salter_salt(s, 1, salt);
	ok(is_hex(salt, sizeof(salt), "58e2fccefa7e3061367f1d57a4e7455a"),
	   "salt 1 is the second");
	cc_salter_salt(s, 16, salt);
	ok(is_hex(salt, sizeof(salt), "58b2431bc0bede02550f40238969ec78"), "salt 16");
	cc_salter_salt(s, 15, salt);
	ok(is_hex(salt, sizeof(salt), "a73f8d0437e0915fbce5d7a62d8dab0a"), "salt 15 after it");
	cc_salter_salt(s, 70000, salt);
	ok(is_hex(salt, sizeof(salt), "f57eaa41ddaac42ba36b0532ce4e19df"), "salt 70000");
	ok(cc_salter_end(s) == CC_OK, "after those of another");
	cc_salter_free(s);
	memset(salt, 1, sizeof(salt));
	cc_wipe(salt, sizeof(salt));
	ok(salt[0] == 0 && salt[CC_SALT_SIZE - 1] == 0, "wiping leaves zeros");
}

static void
test_random(void)
{
	uint8_t		a[32] = {0};
	uint8_t		b[32] = {0};

	ok(cc_random(a, sizeof(a)) == CC_OK && cc_random(b, sizeof(b)) == CC_OK &&
	   !cc_equal(a, b, sizeof(a)), "random bytes differ");
	ok(cc_equal(a, a, sizeof(a)), "equal bytes are equal");
}

int
main(void)
{
	test_nist();
	test_prefixed();
	test_salts();
	test_random();
	return done_testing();
}
