/*
 * sigcheck.h
 *	  Verifier keys, key ids and signature verification
 *	  (C2SP signed-note; doc/format.md section 6).
 */
#ifndef CC_SIGCHECK_H
#define CC_SIGCHECK_H

#include "core/digest.h"

#define CC_SIG_ED25519 0x01
#define CC_SIG_ECDSA_P256 0x02
#define CC_SIG_COSIGNATURE 0x04
#define CC_SIG_MLDSA_COSIGNATURE 0x06

#define CC_ORIGIN_MAX 255
/* ML-DSA-44, the longest; its signature with the time before it */
#define CC_PUBLIC_KEY_MAX 1312
#define CC_SIGNATURE_MAX (8 + 2420)
/* The longest checkpoint text an Ed25519 cosignature is over, and what stands
 * before it. */
#define CC_COSIGNED_MAX 1024
#define CC_COSIGNED_HEADER_MAX 64
/* name + 8 hex + 2 plus signs + base64 of type and key */
#define CC_VERIFIER_KEY_MAX (CC_ORIGIN_MAX + 10 + CC_BASE64_SIZE(1 + CC_PUBLIC_KEY_MAX))

typedef struct cc_vkey
{
	char		name[CC_ORIGIN_MAX + 1];
	uint8_t		type;
	uint32_t	id;
	uint8_t		key[CC_PUBLIC_KEY_MAX];
	size_t		key_len;
} cc_vkey;

/* Is it a name we use as origin: letters, digits, dot, slash, hyphen? */
extern bool cc_origin_valid(const char *name, size_t len);
/*
 * Is it a key name or origin that a signed note may carry: valid UTF-8, no
 * control character, no Unicode space, no plus sign, 1..CC_ORIGIN_MAX bytes?
 */
extern bool cc_name_valid(const char *name, size_t len);
/* Key id of type, name and key (SHA-256 prefix, per type). */
extern uint32_t cc_key_id(uint8_t type, const char *name,
						  const uint8_t *key, size_t key_len);
/* Parse "name+hex+base64"; the id is recomputed, never trusted. */
extern cc_status cc_vkey_parse(cc_vkey *k, const char *text, size_t len) CC_CHECK_RESULT;
/* Writes a NUL-terminated verifier key; out has CC_VERIFIER_KEY_MAX + 1. */
extern void cc_vkey_format(char *out, const cc_vkey *k);
/*
 * Is it the key of a witness to this log, not of the log itself?  A log may
 * sign with an ML-DSA-44 cosignature of its own name.
 */
extern bool cc_vkey_witness(const cc_vkey *k, const char *origin);
/*
 * The message is a checkpoint's text.  CC_OK, CC_E_SIGNATURE, CC_E_KEY,
 * CC_E_CRYPTO; CC_E_SPACE: it is too long; CC_E_UNSUPPORTED: this OpenSSL
 * lacks the algorithm, which says nothing about the signature.
 */
extern cc_status cc_signature_check(const cc_vkey *k, const void *message, size_t len,
									const uint8_t *signature, size_t signature_len) CC_CHECK_RESULT;

/*
 * What an Ed25519 cosignature of a checkpoint's text is over (C2SP
 * tlog-cosignature); returns its length, 0 if the text is longer than
 * CC_COSIGNED_MAX or the time than 63 bits.
 */
extern size_t cc_cosignature_message(char out[CC_COSIGNED_HEADER_MAX + CC_COSIGNED_MAX],
									 uint64_t time, const void *text, size_t len);

#endif							/* CC_SIGCHECK_H */
