/*
 * sigmake.h
 *	  Private keys and signing.  Not linked into the offline verifier.
 *
 * A private key is held as OpenSSL's object; every path frees it, which
 * wipes it.  PEM text passed in or out belongs to the caller, who wipes it.
 */
#ifndef CC_SIGMAKE_H
#define CC_SIGMAKE_H

#include "core/keyevent.h"

#define CC_PEM_MAX 1024
/* A signature that is made here; others are longer (sigcheck.h). */
#define CC_MADE_SIGNATURE_MAX 128

typedef struct cc_signer cc_signer;
struct evp_pkey_st;

/* A new key pair of CC_SIG_ED25519 or CC_SIG_ECDSA_P256. */
extern cc_status cc_signer_generate(cc_signer **s, uint8_t type) CC_CHECK_RESULT;
/* From an unencrypted PKCS#8 PEM; CC_E_KEY when it is anything else. */
extern cc_status cc_signer_load(cc_signer **s, const char *pem, size_t len) CC_CHECK_RESULT;
/* From a raw Ed25519 seed (test vectors). */
extern cc_status cc_signer_from_seed(cc_signer **s, const uint8_t seed[32]) CC_CHECK_RESULT;
/* Take over a key that OpenSSL holds; CC_E_KEY, and it is freed, when it does not sign checkpoints. */
extern cc_status cc_signer_adopt(cc_signer **s, struct evp_pkey_st *pkey) CC_CHECK_RESULT;
/* PKCS#8 PEM, NUL-terminated. */
extern cc_status cc_signer_store(const cc_signer *s, char pem[CC_PEM_MAX]) CC_CHECK_RESULT;
/* The verifier key under a name. */
extern cc_status cc_signer_vkey(const cc_signer *s, const char *name, cc_vkey *k) CC_CHECK_RESULT;
/* The verifier key as a witness; CC_E_KEY unless the key is Ed25519. */
extern cc_status cc_signer_witness_vkey(const cc_signer *s, const char *name, cc_vkey *k) CC_CHECK_RESULT;
extern cc_status cc_signer_sign(const cc_signer *s, const void *message, size_t len,
								uint8_t signature[CC_MADE_SIGNATURE_MAX], size_t *signature_len) CC_CHECK_RESULT;
/* Time and signature, as a witness, of a checkpoint's text. */
extern cc_status cc_signer_cosign(const cc_signer *s, const void *text, size_t len, uint64_t time,
								  uint8_t signature[CC_MADE_SIGNATURE_MAX], size_t *signature_len) CC_CHECK_RESULT;
/* The proof that this key, of an epoch, under a name, is held. */
extern cc_status cc_signer_possess(const cc_signer *s, uint32_t epoch, const char *name,
								   uint8_t signature[CC_MADE_SIGNATURE_MAX], size_t *signature_len) CC_CHECK_RESULT;
extern void cc_signer_free(cc_signer *s);	/* NULL is fine */

#endif							/* CC_SIGMAKE_H */
