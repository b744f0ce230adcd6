/*
 * digest.h
 *	  SHA-256, row salts, constant-time comparison and wiping, over OpenSSL.
 *
 * Besides sigcheck and sigmake the only place that includes OpenSSL.
 */
#ifndef CC_DIGEST_H
#define CC_DIGEST_H

#include "core/bytes.h"

#define CC_DIGEST_SIZE 32
#define CC_SALT_SIZE 16
#define CC_SECRET_SIZE 16

/*
 * A running SHA-256.  Caller-owned, no pointers inside, needs no destructor;
 * may be copied with '='.  The size covers OpenSSL's SHA256_CTX.
 */
typedef struct cc_sha256
{
	uint64_t	opaque[14];
} cc_sha256;

extern void cc_sha256_init(cc_sha256 *h);
extern void cc_sha256_update(cc_sha256 *h, const void *data, size_t len);
extern void cc_sha256_final(cc_sha256 *h, uint8_t out[CC_DIGEST_SIZE]);

static inline void
cc_read_digest(cc_reader *r, uint8_t out[CC_DIGEST_SIZE])
{
	cc_read_copy(r, out, CC_DIGEST_SIZE);
}

/*
 * H(data).  Quicker for a short message than a running hash to which its pieces are
 * added.
 */
extern void cc_digest(uint8_t out[CC_DIGEST_SIZE], const void *data, size_t len);
/* H(prefix || data). */
extern void cc_digest_prefixed(uint8_t out[CC_DIGEST_SIZE], uint8_t prefix,
							   const void *data, size_t len);

/*
 * Salts of one row secret after the other (doc/format.md section 3.3).  A
 * salter has a cipher of libcrypto's: dear to make, cheap to give a secret.
 * It keeps the last secret until it is freed; so does its caller, with values.
 */
typedef struct cc_salter cc_salter;
/* NULL when libcrypto fails. */
extern cc_salter *cc_salter_new(void);
extern void cc_salter_free(cc_salter *s);
extern void cc_salter_begin(cc_salter *s, const uint8_t secret[CC_SECRET_SIZE]);
extern void cc_salter_salt(cc_salter *s, uint32_t index, uint8_t out[CC_SALT_SIZE]);
/* CC_E_CRYPTO when any salt of the secret could not be made. */
extern cc_status cc_salter_end(const cc_salter *s) CC_CHECK_RESULT;

/*
 * A generator of pseudorandom bytes: the AES-256-CTR key stream of a seed from
 * counter zero.  OpenSSL allocates; NULL: no memory.  Through EVP, since only
 * that reaches the processor's AES.
 */
typedef struct cc_stream cc_stream;
#define CC_STREAM_BYTES 2304
extern cc_stream *cc_stream_new(void);
extern void cc_stream_free(cc_stream *s);
extern cc_status cc_stream_make(cc_stream *s, const uint8_t seed[CC_DIGEST_SIZE],
								uint8_t out[CC_STREAM_BYTES]) CC_CHECK_RESULT;

extern bool cc_equal(const void *a, const void *b, size_t len);
extern void cc_wipe(void *data, size_t len);
/* Cryptographically strong random bytes. */
extern cc_status cc_random(void *out, size_t len) CC_CHECK_RESULT;

#endif							/* CC_DIGEST_H */
