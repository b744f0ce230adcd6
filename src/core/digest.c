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

#define BLOCK_BYTES 16

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
cc_digest(uint8_t out[CC_DIGEST_SIZE], const void *data, size_t len)
{
	SHA256_CTX	h;

	SHA256_Init(&h);
	SHA256_Update(&h, data, len);
	SHA256_Final(out, &h);
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

/* A cipher that waits for its key, or NULL. */
static EVP_CIPHER_CTX *
cipher_open(const char *name)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

	if (cipher == NULL || context == NULL ||
		EVP_EncryptInit_ex(context, cipher, NULL, NULL, NULL) != 1)
	{
		EVP_CIPHER_CTX_free(context);
		context = NULL;
	}
	EVP_CIPHER_free(cipher);
	ERR_clear_error();
	return context;
}

/* Blocks whose encryption is the key stream of counter mode. */
static void
put_counters(uint8_t *out, uint32_t first, uint32_t n)
{
	uint32_t	i;

	for (i = 0; i < n; i++)
		cc_store_u32(out + (i + 1) * BLOCK_BYTES - 4, first + i);
}

/*
 * Salts are made WINDOW at a time: one more costs the cipher a nanosecond, one
 * more call of it ten.
 */
#define WINDOW 16
#define WINDOW_BYTES (WINDOW * CC_SALT_SIZE)

struct cc_salter
{
	EVP_CIPHER_CTX *context;
	bool		failed;			/* since the secret was given */
	bool		made;			/* salts are of the secret */
	uint32_t	first;			/* that counters and salts begin with */
	uint8_t		counters[WINDOW_BYTES];
	uint8_t		salts[WINDOW_BYTES];
};

static void
count_from(cc_salter *s, uint32_t first)
{
	put_counters(s->counters, first, WINDOW);
	s->first = first;
	s->made = false;
}

cc_salter *
cc_salter_new(void)
{
	cc_salter  *s = OPENSSL_zalloc(sizeof(*s));

	if (s == NULL)
		return NULL;
	count_from(s, 0);
	s->context = cipher_open("AES-128-ECB");
	if (s->context != NULL)
		return s;
	cc_salter_free(s);
	return NULL;
}

void
cc_salter_free(cc_salter *s)
{
	if (s == NULL)
		return;
	EVP_CIPHER_CTX_free(s->context);
	OPENSSL_clear_free(s, sizeof(*s));
}

static void
fail_salter(cc_salter *s)
{
	memset(s->salts, 0, WINDOW_BYTES);
	s->failed = true;
	ERR_clear_error();
}

void
cc_salter_begin(cc_salter *s, const uint8_t secret[CC_SECRET_SIZE])
{
	s->failed = false;
	s->made = false;
	if (EVP_EncryptInit_ex(s->context, NULL, NULL, secret, NULL) != 1)
		fail_salter(s);
}

static void
make_window(cc_salter *s)
{
	int			len = 0;

	s->made = true;
	if (s->failed ||
		EVP_EncryptUpdate(s->context, s->salts, &len, s->counters,
						  WINDOW_BYTES) != 1 || len != WINDOW_BYTES)
		fail_salter(s);
}

void
cc_salter_salt(cc_salter *s, uint32_t index, uint8_t out[CC_SALT_SIZE])
{
	uint32_t	at = index % WINDOW;

	if (index - at != s->first)
		count_from(s, index - at);
	if (!s->made)
		make_window(s);
	memcpy(out, s->salts + at * CC_SALT_SIZE, CC_SALT_SIZE);
}

cc_status
cc_salter_end(const cc_salter *s)
{
	return s->failed ? CC_E_CRYPTO : CC_OK;
}

/*
 * Counter mode by way of its counters: to give the cipher a seed alone, without
 * an initialization vector, saves a quarter.
 */
struct cc_stream
{
	EVP_CIPHER_CTX *context;
	uint8_t		counters[CC_STREAM_BYTES];
};

cc_stream *
cc_stream_new(void)
{
	cc_stream  *s = OPENSSL_zalloc(sizeof(*s));

	if (s == NULL)
		return NULL;
	put_counters(s->counters, 0, CC_STREAM_BYTES / BLOCK_BYTES);
	s->context = cipher_open("AES-256-ECB");
	if (s->context != NULL)
		return s;
	cc_stream_free(s);
	return NULL;
}

void
cc_stream_free(cc_stream *s)
{
	if (s == NULL)
		return;
	EVP_CIPHER_CTX_free(s->context);
	OPENSSL_free(s);
}

cc_status
cc_stream_make(cc_stream *s, const uint8_t seed[CC_DIGEST_SIZE],
			   uint8_t out[CC_STREAM_BYTES])
{
	int			made = 0;

	if (EVP_EncryptInit_ex(s->context, NULL, NULL, seed, NULL) == 1 &&
		EVP_EncryptUpdate(s->context, out, &made, s->counters, CC_STREAM_BYTES) == 1 &&
		made == CC_STREAM_BYTES)
		return CC_OK;
	memset(out, 0, CC_STREAM_BYTES);
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
