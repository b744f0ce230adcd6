/*
 * sigmake.c
 *	  Private keys and signing.  Not linked into the offline verifier.
 *
 * A cc_signer is OpenSSL's EVP_PKEY under another name.  PEM is read and
 * written here, not by OpenSSL, whose reader may ask for a password and
 * leaves copies of the key in freed memory; only DER passes to and from
 * OpenSSL, in a buffer on the stack that every path wipes.
 */
#include "core/sigmake.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#define DER_MAX 256
#define PEM_LINE 64

static const char pem_begin[] = "-----BEGIN PRIVATE KEY-----\n";
static const char pem_end[] = "-----END PRIVATE KEY-----\n";

static EVP_PKEY *
pkey_of(const cc_signer *s)
{
	return (EVP_PKEY *) s;
}

/* Hand the key to the caller, or tell why not. */
static cc_status
finish(cc_signer **s, EVP_PKEY *pkey, cc_status failure)
{
	ERR_clear_error();
	*s = (cc_signer *) pkey;
	return pkey != NULL ? CC_OK : failure;
}

static bool
choose_curve(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx,
												  NID_X9_62_prime256v1) == 1 &&
		EVP_PKEY_CTX_set_ec_param_enc(ctx, OPENSSL_EC_NAMED_CURVE) == 1;
}

cc_status
cc_signer_generate(cc_signer **s, uint8_t type)
{
	EVP_PKEY   *pkey = NULL;
	EVP_PKEY_CTX *ctx;

	*s = NULL;
	if (type != CC_SIG_ED25519 && type != CC_SIG_ECDSA_P256)
		return CC_E_VALUE;
	ctx = EVP_PKEY_CTX_new_id(type == CC_SIG_ED25519 ?
							  EVP_PKEY_ED25519 : EVP_PKEY_EC, NULL);
	if (ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
		(type == CC_SIG_ED25519 || choose_curve(ctx)) &&
		EVP_PKEY_keygen(ctx, &pkey) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return finish(s, pkey, CC_E_CRYPTO);
}

/*
 * The base64 between the PEM lines, its line ends dropped, decoded into der.
 * Returns the length, or 0 if the text is not exactly one PRIVATE KEY block.
 */
static size_t
decode_pem(uint8_t der[DER_MAX], const char *pem, size_t len)
{
	char		digits[CC_BASE64_SIZE(DER_MAX)];
	size_t		begin = sizeof(pem_begin) - 1;
	size_t		end = sizeof(pem_end) - 1;
	size_t		n = 0;
	size_t		der_len = 0;
	size_t		i;

	if (len > 0 && pem[len - 1] != '\n')
		end--;					/* the last line end may be missing */
	if (len < begin + end || memcmp(pem, pem_begin, begin) != 0 ||
		memcmp(pem + len - end, pem_end, end) != 0)
		return 0;
	for (i = begin; i < len - end && n < sizeof(digits); i++)
	{
		if (pem[i] != '\n')
			digits[n++] = pem[i];
	}
	if (i < len - end ||
		cc_base64_decode(der, DER_MAX, &der_len, digits, n) != CC_OK)
		der_len = 0;
	cc_wipe(digits, sizeof(digits));
	return der_len;
}

/* NULL unless der is a PKCS#8 private key and nothing else. */
static EVP_PKEY *
load_der(const uint8_t *der, size_t len)
{
	const unsigned char *p = der;
	PKCS8_PRIV_KEY_INFO *info;
	EVP_PKEY   *pkey = NULL;

	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long) len);
	if (info != NULL && p == der + len)
		pkey = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	return pkey;
}

cc_status
cc_signer_load(cc_signer **s, const char *pem, size_t len)
{
	uint8_t		der[DER_MAX];
	size_t		der_len = decode_pem(der, pem, len);
	EVP_PKEY   *pkey = NULL;

	if (der_len > 0)
		pkey = load_der(der, der_len);
	cc_wipe(der, sizeof(der));
	return cc_signer_adopt(s, pkey);
}

cc_status
cc_signer_adopt(cc_signer **s, EVP_PKEY *pkey)
{
	cc_vkey		k;

	/* Only what has a verifier key of ours is of a type we sign with. */
	if (pkey != NULL && cc_signer_vkey((cc_signer *) pkey, "-", &k) != CC_OK)
	{
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return finish(s, pkey, CC_E_KEY);
}

cc_status
cc_signer_from_seed(cc_signer **s, const uint8_t seed[32])
{
	return finish(s, EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
												  seed, 32), CC_E_CRYPTO);
}

/* DER of the key as PKCS#8; returns its length, or 0. */
static size_t
encode_der(const cc_signer *s, uint8_t der[DER_MAX])
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey_of(s));
	unsigned char *p = der;
	int			len = 0;

	if (info != NULL)
		len = i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
	if (len > 0 && len <= DER_MAX)
		len = i2d_PKCS8_PRIV_KEY_INFO(info, &p);
	else
		len = 0;
	PKCS8_PRIV_KEY_INFO_free(info);
	ERR_clear_error();
	return len > 0 ? (size_t) len : 0;
}

cc_status
cc_signer_store(const cc_signer *s, char pem[CC_PEM_MAX])
{
	uint8_t		der[DER_MAX];
	size_t		len = encode_der(s, der);
	size_t		step = PEM_LINE / 4 * 3;
	size_t		i;

	memcpy(pem, pem_begin, sizeof(pem_begin));
	pem += sizeof(pem_begin) - 1;
	for (i = 0; i < len; i += step)
	{
		size_t		n = len - i < step ? len - i : step;

		cc_base64_encode(pem, der + i, n);
		pem += CC_BASE64_SIZE(n);
		*pem++ = '\n';
	}
	memcpy(pem, pem_end, sizeof(pem_end));
	cc_wipe(der, sizeof(der));
	return len > 0 ? CC_OK : CC_E_CRYPTO;
}

/* Type and public key of k; false if we have no type for the key. */
static bool
public_of(EVP_PKEY *pkey, cc_vkey *k)
{
	unsigned char *p = k->key;
	int			len;

	k->key_len = sizeof(k->key);
	if (EVP_PKEY_base_id(pkey) == EVP_PKEY_ED25519)
	{
		k->type = CC_SIG_ED25519;
		return EVP_PKEY_get_raw_public_key(pkey, k->key, &k->key_len) == 1;
	}
	if (EVP_PKEY_base_id(pkey) != EVP_PKEY_EC)
		return false;
	k->type = CC_SIG_ECDSA_P256;
	len = i2d_PUBKEY(pkey, NULL);
	if (len <= 0 || len > (int) sizeof(k->key))
		return false;
	k->key_len = (size_t) len;
	return i2d_PUBKEY(pkey, &p) == len;
}

/*
 * The verifier key, of the witness's type for a witness.  Formatted and parsed
 * again: what parses is what verifiers accept.
 */
static cc_status
derive_vkey(const cc_signer *s, const char *name, bool witness, cc_vkey *k)
{
	char		text[CC_VERIFIER_KEY_MAX + 1];
	size_t		len = strlen(name);
	bool		known;

	memset(k, 0, sizeof(*k));
	if (!cc_name_valid(name, len))
		return CC_E_VALUE;
	memcpy(k->name, name, len);
	known = public_of(pkey_of(s), k);
	ERR_clear_error();
	if (!known || (witness && k->type != CC_SIG_ED25519))
		return CC_E_KEY;
	if (witness)
		k->type = CC_SIG_COSIGNATURE;
	k->id = cc_key_id(k->type, k->name, k->key, k->key_len);
	cc_vkey_format(text, k);
	return cc_vkey_parse(k, text, strlen(text));
}

cc_status
cc_signer_vkey(const cc_signer *s, const char *name, cc_vkey *k)
{
	return derive_vkey(s, name, false, k);
}

cc_status
cc_signer_witness_vkey(const cc_signer *s, const char *name, cc_vkey *k)
{
	return derive_vkey(s, name, true, k);
}

cc_status
cc_signer_sign(const cc_signer *s, const void *message, size_t len,
			   uint8_t signature[CC_MADE_SIGNATURE_MAX], size_t *signature_len)
{
	EVP_PKEY   *pkey = pkey_of(s);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = NULL;
	bool		ok;

	if (EVP_PKEY_base_id(pkey) != EVP_PKEY_ED25519)
		md = EVP_sha256();
	*signature_len = CC_MADE_SIGNATURE_MAX;
	ok = ctx != NULL &&
		EVP_DigestSignInit(ctx, NULL, md, NULL, pkey) == 1 &&
		EVP_DigestSign(ctx, signature, signature_len, message, len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok ? CC_OK : CC_E_CRYPTO;
}

cc_status
cc_signer_cosign(const cc_signer *s, const void *text, size_t len,
				 uint64_t time, uint8_t signature[CC_MADE_SIGNATURE_MAX],
				 size_t *signature_len)
{
	char		message[CC_COSIGNED_HEADER_MAX + CC_COSIGNED_MAX];
	uint8_t		signed_text[CC_MADE_SIGNATURE_MAX];
	size_t		n = cc_cosignature_message(message, time, text, len);
	cc_status	status;

	if (n == 0)
		return CC_E_SPACE;
	status = cc_signer_sign(s, message, n, signed_text, signature_len);
	if (status != CC_OK)
		return status;
	if (*signature_len > CC_MADE_SIGNATURE_MAX - 8)
		return CC_E_SPACE;
	cc_store_u64(signature, time);
	memcpy(signature + 8, signed_text, *signature_len);
	*signature_len += 8;
	return CC_OK;
}

cc_status
cc_signer_possess(const cc_signer *s, uint32_t epoch, const char *name,
				  uint8_t signature[CC_MADE_SIGNATURE_MAX], size_t *signature_len)
{
	char		message[CC_POSSESSION_MAX + 1];
	cc_vkey		key;
	cc_status	status = cc_signer_vkey(s, name, &key);

	if (status != CC_OK)
		return status;
	return cc_signer_sign(s, message, cc_possession_message(message, epoch, &key),
						  signature, signature_len);
}

void
cc_signer_free(cc_signer *s)
{
	EVP_PKEY_free(pkey_of(s));
}
