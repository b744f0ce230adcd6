/*
 * digest.c
 *	  SHA-256, row salts, constant-time comparison and wiping, over OpenSSL.
 *
 * Uses OpenSSL's low-level SHA-256: for the short messages a ledger hashes,
 * the EVP interface costs 4 to 8 times as much per message and has to
 * allocate.  OpenSSL 3 calls it deprecated but keeps it; the suppression below
 * is for it alone.  AES is the other way round: the low-level functions do not
 * use the processor's AES instructions.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "core/digest.h"

#include <limits.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

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

/* A cc_salter is an EVP_CIPHER_CTX, whose app data tells of a failure. */

cc_salter *
cc_salter_new(void)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

	if (cipher == NULL || context == NULL ||
		EVP_EncryptInit_ex(context, cipher, NULL, NULL, NULL) != 1)
	{
		EVP_CIPHER_CTX_free(context);
		context = NULL;
	}
	EVP_CIPHER_free(cipher);
	ERR_clear_error();
	return (cc_salter *) context;
}

void
cc_salter_free(cc_salter *s)
{
	EVP_CIPHER_CTX_free((EVP_CIPHER_CTX *) s);
}

static void
fail_salter(cc_salter *s)
{
	EVP_CIPHER_CTX_set_app_data((EVP_CIPHER_CTX *) s, s);
	ERR_clear_error();
}

void
cc_salter_begin(cc_salter *s, const uint8_t secret[CC_SECRET_SIZE])
{
	EVP_CIPHER_CTX *context = (EVP_CIPHER_CTX *) s;

	EVP_CIPHER_CTX_set_app_data(context, NULL);
	if (EVP_EncryptInit_ex(context, NULL, NULL, secret, NULL) != 1)
		fail_salter(s);
}

void
cc_salter_salt(cc_salter *s, uint32_t index, uint8_t out[CC_SALT_SIZE])
{
	uint8_t		counter[CC_SALT_SIZE] = {0};
	int			len = 0;

	cc_store_u32(counter + CC_SALT_SIZE - 4, index);
	if (EVP_EncryptUpdate((EVP_CIPHER_CTX *) s, out, &len, counter,
						  CC_SALT_SIZE) != 1 || len != CC_SALT_SIZE)
	{
		memset(out, 0, CC_SALT_SIZE);
		fail_salter(s);
	}
}

cc_status
cc_salter_end(cc_salter *s)
{
	static const uint8_t nothing[CC_SECRET_SIZE];
	bool		failed = EVP_CIPHER_CTX_get_app_data((EVP_CIPHER_CTX *) s) != NULL;

	/* A cipher can be given another secret, but not none. */
	cc_salter_begin(s, nothing);
	return failed ? CC_E_CRYPTO : CC_OK;
}

cc_stream *
cc_stream_new(void)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

	if (context != NULL &&
		EVP_EncryptInit_ex(context, EVP_aes_256_ctr(), NULL, NULL, NULL) != 1)
	{
		EVP_CIPHER_CTX_free(context);
		context = NULL;
	}
	if (context == NULL)
		ERR_clear_error();
	return (cc_stream *) context;
}

void
cc_stream_free(cc_stream *s)
{
	EVP_CIPHER_CTX_free((EVP_CIPHER_CTX *) s);
}

cc_status
cc_stream_make(cc_stream *s, const uint8_t seed[CC_DIGEST_SIZE],
			   uint8_t *out, size_t len)
{
	static const uint8_t counter[16];
	EVP_CIPHER_CTX *context = (EVP_CIPHER_CTX *) s;
	int			made;

	if (len > INT_MAX)
		return CC_E_VALUE;
	memset(out, 0, len);
	if (EVP_EncryptInit_ex(context, NULL, NULL, seed, counter) == 1 &&
		EVP_EncryptUpdate(context, out, &made, out, (int) len) == 1 &&
		made == (int) len)
		return CC_OK;
	ERR_clear_error();
	return CC_E_CRYPTO;
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
