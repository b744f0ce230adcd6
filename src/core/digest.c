/*
 * digest.c
 *	  SHA-256, row salts, constant-time comparison and wiping, over OpenSSL.
 *
 * Uses OpenSSL's low-level SHA-256 and AES: for the short messages a ledger
 * hashes, the EVP interface costs 4 to 8 times as much per message and has
 * to allocate.  OpenSSL 3 calls them deprecated but keeps them; the
 * suppression below is for these alone.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "core/digest.h"

#include <limits.h>
#include <openssl/aes.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

struct cc_salter
{
	AES_KEY		key;
};

/* Division by zero, and so no compilation, if the context does not fit. */
enum
{
	CC_SHA256_FITS = 1 / (sizeof(SHA256_CTX) <= sizeof(cc_sha256))
};

void
cc_sha256_init(cc_sha256 *h)
{
	SHA256_Init((SHA256_CTX *) h);
}

void
cc_sha256_update(cc_sha256 *h, const void *data, size_t len)
{
	if (len > 0)
		SHA256_Update((SHA256_CTX *) h, data, len);
}

void
cc_sha256_final(cc_sha256 *h, uint8_t out[CC_DIGEST_SIZE])
{
	SHA256_Final(out, (SHA256_CTX *) h);
}

void
cc_digest_prefixed(uint8_t out[CC_DIGEST_SIZE], uint8_t prefix,
				   const void *data, size_t len)
{
	cc_sha256	h;

	cc_sha256_init(&h);
	cc_sha256_update(&h, &prefix, 1);
	cc_sha256_update(&h, data, len);
	cc_sha256_final(&h, out);
}

size_t
cc_salter_size(void)
{
	return sizeof(cc_salter);
}

cc_salter *
cc_salter_init(void *memory, const uint8_t secret[CC_SECRET_SIZE])
{
	cc_salter  *s = memory;

	/* Fails only for a null pointer or a key of another length. */
	AES_set_encrypt_key(secret, CC_SECRET_SIZE * 8, &s->key);
	return s;
}

void
cc_salter_salt(const cc_salter *s, uint32_t index, uint8_t out[CC_SALT_SIZE])
{
	uint8_t		counter[CC_SALT_SIZE] = {0};

	cc_store_u32(counter + CC_SALT_SIZE - 4, index);
	AES_encrypt(counter, out, &s->key);
}

bool
cc_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void
cc_wipe(void *data, size_t len)
{
	OPENSSL_cleanse(data, len);
}

cc_status
cc_random(void *out, size_t len)
{
	if (len > INT_MAX)
		return CC_E_VALUE;
	if (RAND_bytes(out, (int) len) == 1)
		return CC_OK;
	ERR_clear_error();
	return CC_E_CRYPTO;
}
