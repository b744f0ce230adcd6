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
#define MLDSA44_KEY_SIZE 1312
#define MLDSA44_SIGNATURE_SIZE 2420
#define MLDSA44 "ML-DSA-44"
#define ID_DIGITS 8

/* label, two names with their lengths, time, start, end, hash */
#define SUBTREE_MAX (12 + 2 * (1 + CC_ORIGIN_MAX) + 3 * 8 + CC_DIGEST_SIZE)

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

/* Is it of the length, and for ECDSA in the form, that its type has? */
static bool
key_well_formed(const cc_vkey *k)
{
	switch (k->type)
	{
		case CC_SIG_ED25519:
		case CC_SIG_COSIGNATURE:
			return k->key_len == ED25519_KEY_SIZE;
		case CC_SIG_ECDSA_P256:
			return k->key_len == P256_KEY_SIZE &&
				memcmp(k->key, p256_prefix, sizeof(p256_prefix)) == 0;
		case CC_SIG_MLDSA_COSIGNATURE:
			return k->key_len == MLDSA44_KEY_SIZE;
		default:
			return false;
	}
}

/*
 * The key as OpenSSL's object.  Any bytes of its length are an ML-DSA key, so
 * that one which cannot be loaded tells of the library: OpenSSL has the
 * algorithm since 3.5, and is asked for it by name.
 */
static cc_status
load_public(EVP_PKEY **pkey, const cc_vkey *k)
{
	const unsigned char *p = k->key;

	*pkey = NULL;
	if (!key_well_formed(k))
		return CC_E_KEY;
	if (k->type == CC_SIG_ECDSA_P256)
		*pkey = d2i_PUBKEY(NULL, &p, P256_KEY_SIZE);
	else if (k->type == CC_SIG_MLDSA_COSIGNATURE)
		*pkey = EVP_PKEY_new_raw_public_key_ex(NULL, MLDSA44, NULL, p,
											   MLDSA44_KEY_SIZE);
	else
		*pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, p,
											ED25519_KEY_SIZE);
	if (*pkey != NULL)
		return CC_OK;
	return k->type == CC_SIG_MLDSA_COSIGNATURE ? CC_E_UNSUPPORTED : CC_E_KEY;
}

/* A key that only this OpenSSL cannot use is one. */
static bool
public_key_usable(const cc_vkey *k)
{
	EVP_PKEY   *pkey;
	cc_status	status = load_public(&pkey, k);

	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return status == CC_OK || status == CC_E_UNSUPPORTED;
}

bool
cc_vkey_witness(const cc_vkey *k, const char *origin)
{
	return k->type == CC_SIG_COSIGNATURE ||
		(k->type == CC_SIG_MLDSA_COSIGNATURE && strcmp(k->name, origin) != 0);
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

size_t
cc_cosignature_message(char out[CC_COSIGNED_HEADER_MAX + CC_COSIGNED_MAX],
					   uint64_t time, const void *text, size_t len)
{
	static const char head[] = "cosignature/v1\ntime ";
	size_t		n = sizeof(head) - 1;

	if (len > CC_COSIGNED_MAX || time > INT64_MAX)
		return 0;
	memcpy(out, head, n);
	n += cc_decimal_format(out + n, time);
	out[n++] = '\n';
	if (len > 0)
		memcpy(out + n, text, len);
	return n + len;
}

/* C2SP tlog-cosignature: a signature is u64 time and an Ed25519 signature. */
static cc_status
check_cosignature(EVP_PKEY *pkey, const void *message, size_t len,
				  const uint8_t *signature, size_t signature_len)
{
	char		text[CC_COSIGNED_HEADER_MAX + CC_COSIGNED_MAX];
	size_t		n;

	if (signature_len != 8 + ED25519_SIGNATURE_SIZE)
		return CC_E_SIGNATURE;
	if (len > CC_COSIGNED_MAX)
		return CC_E_SPACE;
	n = cc_cosignature_message(text, cc_load_u64(signature), message, len);
	if (n == 0)
		return CC_E_SIGNATURE;
	return check_with(pkey, NULL, text, n, signature + 8,
					  ED25519_SIGNATURE_SIZE);
}

/*
 * The cosigned_message that an ML-DSA-44 cosignature of a whole tree is over;
 * fails unless text is that of a checkpoint.
 */
static void
write_subtree(cc_writer *w, cc_reader *text, const char *name, uint64_t time)
{
	cc_slice	origin = cc_read_line(text);
	cc_slice	digits = cc_read_line(text);
	cc_slice	hash = cc_read_line(text);
	size_t		name_len = strlen(name);
	uint8_t		root[CC_DIGEST_SIZE];
	uint64_t	size;

	if (name_len == 0 || name_len > CC_ORIGIN_MAX || origin.len == 0 ||
		origin.len > CC_ORIGIN_MAX ||
		cc_decimal_parse(&size, (const char *) digits.data,
						 digits.len) != CC_OK ||
		cc_base64_decode_fixed(root, sizeof(root), hash) != CC_OK)
	{
		cc_reader_fail(text, CC_E_FORM);
		return;
	}
	cc_write_raw(w, "subtree/v1\n", 12);	/* with its NUL */
	cc_write_u8(w, (uint8_t) name_len);
	cc_write_raw(w, name, name_len);
	cc_write_u64(w, time);
	cc_write_u8(w, (uint8_t) origin.len);
	cc_write_raw(w, origin.data, origin.len);
	cc_write_u64(w, 0);
	cc_write_u64(w, size);
	cc_write_raw(w, root, sizeof(root));
}

/* C2SP tlog-cosignature: u64 time and an ML-DSA-44 signature. */
static cc_status
check_subtree(EVP_PKEY *pkey, const char *name, const void *message,
			  size_t len, const uint8_t *signature, size_t signature_len)
{
	uint8_t		cosigned[SUBTREE_MAX];
	uint64_t	time;
	cc_writer	w;
	cc_reader	r;

	if (signature_len != 8 + MLDSA44_SIGNATURE_SIZE)
		return CC_E_SIGNATURE;
	time = cc_load_u64(signature);
	if (time > INT64_MAX)
		return CC_E_SIGNATURE;
	cc_reader_init(&r, message, len);
	cc_writer_init(&w, cosigned, sizeof(cosigned));
	write_subtree(&w, &r, name, time);
	if (r.status != CC_OK || w.status != CC_OK)
		return CC_E_SIGNATURE;
	return check_with(pkey, NULL, cosigned, w.len, signature + 8,
					  MLDSA44_SIGNATURE_SIZE);
}

static cc_status
check_as_type(EVP_PKEY *pkey, const cc_vkey *k, const void *message,
			  size_t len, const uint8_t *signature, size_t signature_len)
{
	switch (k->type)
	{
		case CC_SIG_COSIGNATURE:
			return check_cosignature(pkey, message, len,
									 signature, signature_len);
		case CC_SIG_MLDSA_COSIGNATURE:
			return check_subtree(pkey, k->name, message, len,
								 signature, signature_len);
		case CC_SIG_ECDSA_P256:
			return check_with(pkey, EVP_sha256(), message, len,
							  signature, signature_len);
		default:
			return check_with(pkey, NULL, message, len,
							  signature, signature_len);
	}
}

cc_status
cc_signature_check(const cc_vkey *k, const void *message, size_t len,
				   const uint8_t *signature, size_t signature_len)
{
	EVP_PKEY   *pkey;
	cc_status	status = load_public(&pkey, k);

	if (status == CC_OK)
		status = check_as_type(pkey, k, message, len,
							   signature, signature_len);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return status;
}
