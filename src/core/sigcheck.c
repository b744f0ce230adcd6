/*
 * sigcheck.c
 *	  Verifier keys, key ids and signature verification.
 *
 * OpenSSL objects live for one call.  OpenSSL's error queue is left empty.
 * An ECDSA key has one accepted encoding: named curve, uncompressed point.
 */
#include "core/sigcheck.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#define ED25519_KEY_SIZE 32
#define ED25519_SIGNATURE_SIZE 64
#define P256_KEY_SIZE 91
#define ID_DIGITS 8

/* The longest message a cosignature is checked over. */
#define COSIGNED_MAX 1024
#define COSIGNED_HEADER_MAX 64

/* What precedes the 64 bytes of the point. */
static const uint8_t p256_prefix[27] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02,
	0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03,
	0x42, 0x00, 0x04
};

static bool
is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9');
}

bool
cc_origin_valid(const char *name, size_t len)
{
	size_t		i;

	if (len == 0 || len > CC_ORIGIN_MAX)
		return false;
	if (name[0] == '/' || name[len - 1] == '/')
		return false;
	for (i = 0; i < len; i++)
	{
		if (!is_alphanumeric(name[i]) && name[i] != '.' && name[i] != '/' &&
			name[i] != '-')
			return false;
	}
	return true;
}

static uint32_t
digest_id(cc_sha256 *h)
{
	uint8_t		digest[CC_DIGEST_SIZE];

	cc_sha256_final(h, digest);
	return cc_load_u32(digest);
}

uint32_t
cc_key_id(uint8_t type, const char *name, const uint8_t *key, size_t key_len)
{
	cc_sha256	h;

	cc_sha256_init(&h);
	if (type != CC_SIG_ECDSA_P256)
	{
		cc_sha256_update(&h, name, strlen(name));
		cc_sha256_update(&h, "\n", 1);
		cc_sha256_update(&h, &type, 1);
	}
	cc_sha256_update(&h, key, key_len);
	return digest_id(&h);
}

/* The key as OpenSSL's object, or NULL if it is not one of its type. */
static EVP_PKEY *
load_public(const cc_vkey *k)
{
	const unsigned char *p = k->key;

	if (k->type == CC_SIG_ECDSA_P256)
	{
		if (k->key_len != P256_KEY_SIZE ||
			memcmp(k->key, p256_prefix, sizeof(p256_prefix)) != 0)
			return NULL;
		return d2i_PUBKEY(NULL, &p, P256_KEY_SIZE);
	}
	if (k->type != CC_SIG_ED25519 && k->type != CC_SIG_COSIGNATURE)
		return NULL;
	if (k->key_len != ED25519_KEY_SIZE)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, p,
									   ED25519_KEY_SIZE);
}

static bool
public_key_usable(const cc_vkey *k)
{
	EVP_PKEY   *pkey = load_public(k);

	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return pkey != NULL;
}

/* Eight lower-case hexadecimal digits. */
static bool
parse_id(uint32_t *id, const char *text)
{
	int			i;

	*id = 0;
	for (i = 0; i < ID_DIGITS; i++)
	{
		char		c = text[i];

		if (c >= '0' && c <= '9')
			*id = *id << 4 | (uint32_t) (c - '0');
		else if (c >= 'a' && c <= 'f')
			*id = *id << 4 | (uint32_t) (c - 'a' + 10);
		else
			return false;
	}
	return true;
}

/* The part after the second plus sign: base64 of type and key. */
static cc_status
parse_key(cc_vkey *k, const char *text, size_t len)
{
	uint8_t		raw[1 + CC_PUBLIC_KEY_MAX];
	size_t		raw_len;
	cc_status	status;

	status = cc_base64_decode(raw, sizeof(raw), &raw_len, text, len);
	if (status == CC_E_SPACE)
		return CC_E_KEY;
	if (status != CC_OK)
		return status;
	if (raw_len < 2)
		return CC_E_FORM;
	k->type = raw[0];
	k->key_len = raw_len - 1;
	memcpy(k->key, raw + 1, k->key_len);
	return CC_OK;
}

cc_status
cc_vkey_parse(cc_vkey *k, const char *text, size_t len)
{
	const char *plus = len == 0 ? NULL : memchr(text, '+', len);
	size_t		name_len = plus == NULL ? 0 : (size_t) (plus - text);
	size_t		head = name_len + ID_DIGITS + 2;
	uint32_t	id;
	cc_status	status;

	memset(k, 0, sizeof(*k));
	if (plus == NULL || len <= head || text[head - 1] != '+')
		return CC_E_FORM;
	if (!cc_name_valid(text, name_len) || !parse_id(&id, plus + 1))
		return CC_E_FORM;
	memcpy(k->name, text, name_len);
	status = parse_key(k, text + head, len - head);
	if (status != CC_OK)
		return status;
	if (!public_key_usable(k))
		return CC_E_KEY;
	k->id = cc_key_id(k->type, k->name, k->key, k->key_len);
	return k->id == id ? CC_OK : CC_E_MISMATCH;
}

void
cc_vkey_format(char *out, const cc_vkey *k)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t		raw[1 + CC_PUBLIC_KEY_MAX];
	size_t		name_len = strlen(k->name);
	int			i;

	memcpy(out, k->name, name_len);
	out += name_len;
	*out++ = '+';
	for (i = ID_DIGITS - 1; i >= 0; i--)
		*out++ = hex[k->id >> (4 * i) & 15];
	*out++ = '+';
	raw[0] = k->type;
	memcpy(raw + 1, k->key, k->key_len);
	cc_base64_encode(out, raw, 1 + k->key_len);
	out[CC_BASE64_SIZE(1 + k->key_len)] = '\0';
}

static cc_status
check_with(EVP_PKEY *pkey, const EVP_MD *md, const void *message, size_t len,
		   const uint8_t *signature, size_t signature_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	cc_status	status = CC_E_CRYPTO;

	if (ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, md, NULL, pkey) == 1)
	{
		if (EVP_DigestVerify(ctx, signature, signature_len, message, len) == 1)
			status = CC_OK;
		else
			status = CC_E_SIGNATURE;
	}
	EVP_MD_CTX_free(ctx);
	return status;
}

/* The two lines a witness puts before the note; returns their length. */
static size_t
format_cosigned_header(char text[COSIGNED_HEADER_MAX], uint64_t time)
{
	static const char head[] = "cosignature/v1\ntime ";
	size_t		n = sizeof(head) - 1;

	memcpy(text, head, n);
	n += cc_decimal_format(text + n, time);
	text[n++] = '\n';
	return n;
}

/* C2SP tlog-cosignature: a signature is u64 time and an Ed25519 signature. */
static cc_status
check_cosignature(EVP_PKEY *pkey, const void *message, size_t len,
				  const uint8_t *signature, size_t signature_len)
{
	char		text[COSIGNED_HEADER_MAX + COSIGNED_MAX];
	uint64_t	time;
	size_t		n;

	if (signature_len != 8 + ED25519_SIGNATURE_SIZE)
		return CC_E_SIGNATURE;
	if (len > COSIGNED_MAX)
		return CC_E_SPACE;
	time = cc_load_u64(signature);
	if (time > INT64_MAX)
		return CC_E_SIGNATURE;
	n = format_cosigned_header(text, time);
	if (len > 0)
		memcpy(text + n, message, len);
	return check_with(pkey, NULL, text, n + len, signature + 8,
					  ED25519_SIGNATURE_SIZE);
}

cc_status
cc_signature_check(const cc_vkey *k, const void *message, size_t len,
				   const uint8_t *signature, size_t signature_len)
{
	EVP_PKEY   *pkey = load_public(k);
	cc_status	status;

	if (pkey == NULL)
		status = CC_E_KEY;
	else if (k->type == CC_SIG_COSIGNATURE)
		status = check_cosignature(pkey, message, len,
								   signature, signature_len);
	else
		status = check_with(pkey,
							k->type == CC_SIG_ED25519 ? NULL : EVP_sha256(),
							message, len, signature, signature_len);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return status;
}
