/*
 * test_signature.c
 *	  Ed25519 and ECDSA against published vectors; private keys as PEM.
 */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "core/checkpoint.h"
#include "core/sigmake.h"

#include "octets.h"
#include "tap.h"
#include "vectors.h"

#define MESSAGE_MAX 1100

/* Which of the notes is a cosignature. */
#define WITNESS_VECTOR 4

static cc_vkey
ed25519_key(const char *public_hex)
{
	cc_vkey		k;

	memset(&k, 0, sizeof(k));
	strcpy(k.name, "test.example/key");
	k.type = CC_SIG_ED25519;
	k.key_len = unhex(k.key, sizeof(k.key), public_hex);
	return k;
}

static bool
ed25519_holds(int i)
{
	uint8_t		message[MESSAGE_MAX];
	uint8_t		seed[32];
	uint8_t		signature[CC_MADE_SIGNATURE_MAX];
	cc_vkey		k = ed25519_key(ed25519_vectors[i].public_hex);
	cc_vkey		made;
	cc_signer  *s;
	size_t		len;
	size_t		n;
	bool		holds;

	len = unhex(message, sizeof(message), ed25519_vectors[i].msg_hex);
	unhex(seed, sizeof(seed), ed25519_vectors[i].seed_hex);
	if (cc_signer_from_seed(&s, seed) != CC_OK)
		return false;
	holds = cc_signer_sign(s, message, len, signature, &n) == CC_OK &&
		is_hex(signature, n, ed25519_vectors[i].signature_hex) &&
		cc_signature_check(&k, message, len, signature, n) == CC_OK &&
		cc_signer_vkey(s, k.name, &made) == CC_OK &&
		is_hex(made.key, made.key_len, ed25519_vectors[i].public_hex);
	cc_signer_free(s);
	return holds;
}

static void
test_ed25519(void)
{
	int			i;

	for (i = 0; i < N_ED25519_VECTORS; i++)
		ok(ed25519_holds(i), "RFC 8032 %s", ed25519_vectors[i].name);
}

/* DER SubjectPublicKeyInfo of a point on P-256. */
static cc_vkey
p256_key(const char *x_hex, const char *y_hex)
{
	cc_vkey		k;
	size_t		n;

	memset(&k, 0, sizeof(k));
	strcpy(k.name, "test.example/key");
	k.type = CC_SIG_ECDSA_P256;
	n = unhex(k.key, sizeof(k.key), "3059301306072a8648ce3d0201"
			  "06082a8648ce3d03010703420004");
	n += unhex(k.key + n, 32, x_hex);
	n += unhex(k.key + n, 32, y_hex);
	k.key_len = n;
	return k;
}

static void
test_ecdsa(void)
{
	uint8_t		signature[CC_MADE_SIGNATURE_MAX];
	int			i;

	for (i = 0; i < N_ECDSA_VECTORS; i++)
	{
		const char *msg = ecdsa_vectors[i].msg;
		cc_vkey		k = p256_key(ecdsa_vectors[i].x_hex,
								 ecdsa_vectors[i].y_hex);
		size_t		n = unhex(signature, sizeof(signature),
							  ecdsa_vectors[i].signature_der_hex);

		ok(cc_signature_check(&k, msg, strlen(msg), signature, n) == CC_OK,
		   "RFC 6979 '%s'", msg);
		ok(cc_signature_check(&k, "other", 5, signature, n) ==
		   CC_E_SIGNATURE, "not of another message");
	}
}

/* No flipped bit, no other length. */
static void
reject_changes(const cc_vkey *k, const char *what, uint8_t *signature,
			   size_t n)
{
	int			accepted = 0;
	size_t		i;

	for (i = 0; i < n * 8; i++)
	{
		signature[i / 8] ^= (uint8_t) (1 << i % 8);
		accepted += cc_signature_check(k, "m", 1, signature, n) == CC_OK;
		signature[i / 8] ^= (uint8_t) (1 << i % 8);
	}
	for (i = 0; i < n; i++)
		accepted += cc_signature_check(k, "m", 1, signature, i) == CC_OK;
	signature[n] = 0;
	accepted += cc_signature_check(k, "m", 1, signature, n + 1) == CC_OK;
	ok(accepted == 0, "%s: no changed signature is accepted", what);
	ok(cc_signature_check(k, "n", 1, signature, n) == CC_E_SIGNATURE,
	   "%s: no changed message is accepted", what);
}

/* A signer stored and loaded again signs under the same key. */
static void
test_key_life(uint8_t type, const char *what)
{
	uint8_t		signature[CC_MADE_SIGNATURE_MAX + 1];
	char		pem[CC_PEM_MAX];
	char		again[CC_PEM_MAX];
	cc_signer  *s = NULL;
	cc_signer  *loaded = NULL;
	cc_vkey		k;
	cc_vkey		same;
	size_t		n;

	ok(cc_signer_generate(&s, type) == CC_OK, "%s: a new key", what);
	ok(cc_signer_store(s, pem) == CC_OK, "%s: stored", what);
	ok(cc_signer_load(&loaded, pem, strlen(pem)) == CC_OK, "%s: loaded", what);
	ok(cc_signer_store(loaded, again) == CC_OK && strcmp(pem, again) == 0,
	   "%s: stored again alike", what);
	ok(cc_signer_vkey(s, "a.example/b", &k) == CC_OK && k.type == type &&
	   cc_signer_vkey(loaded, "a.example/b", &same) == CC_OK &&
	   memcmp(&k, &same, sizeof(k)) == 0, "%s: the same verifier key", what);
	ok(cc_signer_sign(loaded, "m", 1, signature, &n) == CC_OK &&
	   cc_signature_check(&k, "m", 1, signature, n) == CC_OK,
	   "%s: signs and verifies", what);
	reject_changes(&k, what, signature, n);
	ok(cc_signer_vkey(s, "a b", &k) == CC_E_VALUE &&
	   cc_signer_vkey(s, "", &k) == CC_E_VALUE, "%s: only under a name", what);
	cc_signer_free(s);
	cc_signer_free(loaded);
}

static bool
load_refused(const char *pem)
{
	char	   *copy = (char *) exact_copy(pem, strlen(pem));
	cc_signer  *s;
	bool		refused = cc_signer_load(&s, copy, strlen(pem)) == CC_E_KEY &&
		s == NULL;

	free(copy);
	return refused;
}

/* A new key of OpenSSL's; curve 0 for a type that has none. */
static EVP_PKEY *
new_key(int type, int curve)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(type, NULL);
	EVP_PKEY   *pkey = NULL;

	if (EVP_PKEY_keygen_init(ctx) != 1 ||
		(curve != 0 &&
		 EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, curve) != 1) ||
		EVP_PKEY_keygen(ctx, &pkey) != 1)
		abort();
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* Its PEM as OpenSSL writes it, encrypted if a cipher is given. */
static void
write_pem(char pem[4096], EVP_PKEY *pkey, const EVP_CIPHER *cipher)
{
	BIO		   *bio = BIO_new(BIO_s_mem());
	char		password[] = "secret";
	int			n;

	if (PEM_write_bio_PKCS8PrivateKey(bio, pkey, cipher,
									  cipher == NULL ? NULL : password,
									  cipher == NULL ? 0 : 6, NULL,
									  NULL) != 1)
		abort();
	n = BIO_read(bio, pem, 4095);
	pem[n] = '\0';
	BIO_free(bio);
	EVP_PKEY_free(pkey);
}

static bool
loads_alike(const char *pem)
{
	char		again[CC_PEM_MAX] = "";
	cc_signer  *s = NULL;
	bool		same = cc_signer_load(&s, pem, strlen(pem)) == CC_OK &&
		cc_signer_store(s, again) == CC_OK && strcmp(pem, again) == 0;

	cc_signer_free(s);
	return same;
}

static void
test_openssl_keys(void)
{
	char		pem[4096];

	write_pem(pem, new_key(EVP_PKEY_ED25519, 0), NULL);
	ok(loads_alike(pem), "OpenSSL's PEM of an Ed25519 key");
	write_pem(pem, new_key(EVP_PKEY_EC, NID_X9_62_prime256v1), NULL);
	ok(loads_alike(pem), "OpenSSL's PEM of a P-256 key");
	write_pem(pem, new_key(EVP_PKEY_ED25519, 0), EVP_aes_256_cbc());
	ok(load_refused(pem), "no encrypted key, and no question asked");
	write_pem(pem, new_key(EVP_PKEY_EC, NID_secp384r1), NULL);
	ok(load_refused(pem), "no P-384 key");
	write_pem(pem, new_key(EVP_PKEY_EC, NID_secp256k1), NULL);
	ok(load_refused(pem), "no secp256k1 key");
	write_pem(pem, new_key(EVP_PKEY_X25519, 0), NULL);
	ok(load_refused(pem), "no X25519 key");
	write_pem(pem, new_key(EVP_PKEY_RSA, 0), NULL);
	ok(load_refused(pem), "no RSA key");
	ERR_clear_error();
}

static void
test_other_text(void)
{
	ok(load_refused("-----BEGIN EC PRIVATE KEY-----\n"
					"AAAA\n-----END EC PRIVATE KEY-----\n"), "no SEC 1 key");
	ok(load_refused("-----BEGIN PRIVATE KEY-----\n"
					"Proc-Type: 4,ENCRYPTED\n\nAAAA\n"
					"-----END PRIVATE KEY-----\n"), "no PEM headers");
	ok(load_refused("-----BEGIN PRIVATE KEY-----\n"
					"-----END PRIVATE KEY-----\n"), "no empty block");
	ok(load_refused(""), "not nothing");
}

/* A zero byte after the key, inside the block; Ed25519 has 48 bytes. */
static void
test_longer_der(void)
{
	static const uint8_t seed[32] = {7};
	char		pem[CC_PEM_MAX];
	cc_signer  *s;
	char	   *end;

	if (cc_signer_from_seed(&s, seed) != CC_OK ||
		cc_signer_store(s, pem) != CC_OK)
		abort();
	cc_signer_free(s);
	end = strstr(pem, "-----END");
	memmove(end + 4, end, strlen(end) + 1);
	memcpy(end, "AA==", 4);
	ok(load_refused(pem), "nothing may follow the key in its block");
}

static void
test_spoilt_pem(void)
{
	static const uint8_t seed[32] = {7};
	char		pem[CC_PEM_MAX + 1];
	cc_signer  *s;
	cc_signer  *loaded;
	size_t		len;
	size_t		i;
	int			accepted = 0;

	if (!ok(cc_signer_from_seed(&s, seed) == CC_OK &&
			cc_signer_store(s, pem) == CC_OK, "a key from a seed"))
		return;
	len = strlen(pem);
	for (i = 0; i < len - 1; i++)
	{
		accepted += cc_signer_load(&loaded, pem, i) != CC_E_KEY;
		cc_signer_free(loaded);
	}
	ok(accepted == 0, "no cut PEM loads");
	ok(cc_signer_load(&loaded, pem, len - 1) == CC_OK,
	   "the last line end may be missing");
	cc_signer_free(loaded);
	pem[len] = 'x';
	ok(cc_signer_load(&loaded, pem, len + 1) == CC_E_KEY,
	   "nothing may follow the key");
	cc_signer_free(s);
}

/* The published cosignature: seed, text and time give its line. */
static void
test_cosigning(void)
{
	const char *text = note_vectors[WITNESS_VECTOR].text;
	char		longer[CC_COSIGNED_MAX + 1] = {0};
	char		line[CC_NOTE_LINE_MAX + 1];
	char		formatted[CC_VERIFIER_KEY_MAX + 1];
	uint8_t		seed[32];
	uint8_t		signature[CC_SIGNATURE_MAX];
	cc_signer  *s;
	cc_vkey		k;
	size_t		n;

	unhex(seed, sizeof(seed), note_vectors[WITNESS_VECTOR].seed_hex);
	if (!ok(cc_signer_from_seed(&s, seed) == CC_OK &&
			cc_signer_witness_vkey(s, "witness.example/w1", &k) == CC_OK &&
			k.type == CC_SIG_COSIGNATURE, "a witness's key from a seed"))
		return;
	cc_vkey_format(formatted, &k);
	ok(strcmp(formatted, note_vectors[WITNESS_VECTOR].vkey) == 0,
	   "is the published one");
	ok(cc_signer_cosign(s, text, strlen(text), 1700000000, signature,
						&n) == CC_OK, "cosign");
	(void) cc_note_line(line, k.name, k.id, signature, n);
	ok(strcmp(line, note_vectors[WITNESS_VECTOR].line) == 0,
	   "the published line");
	ok(cc_signer_cosign(s, text, strlen(text), INT64_MAX, signature,
						&n) == CC_OK &&
	   cc_signature_check(&k, text, strlen(text), signature, n) == CC_OK,
	   "at the end of time");
	ok(cc_signer_cosign(s, text, strlen(text), (uint64_t) INT64_MAX + 1,
						signature, &n) == CC_E_SPACE, "not after it");
	ok(cc_signer_cosign(s, longer, sizeof(longer), 1, signature,
						&n) == CC_E_SPACE, "nor a text that no checkpoint has");
	cc_signer_free(s);
	if (cc_signer_generate(&s, CC_SIG_ECDSA_P256) != CC_OK)
		abort();
	ok(cc_signer_witness_vkey(s, "witness.example/w1", &k) == CC_E_KEY,
	   "a P-256 key is no witness's");
	cc_signer_free(s);
}

int
main(void)
{
	cc_signer  *s;

	test_ed25519();
	test_ecdsa();
	test_key_life(CC_SIG_ED25519, "Ed25519");
	test_key_life(CC_SIG_ECDSA_P256, "P-256");
	test_openssl_keys();
	test_cosigning();
	test_other_text();
	test_longer_der();
	test_spoilt_pem();
	ok(cc_signer_generate(&s, CC_SIG_COSIGNATURE) == CC_E_VALUE && s == NULL,
	   "no witness keys are made");
	ok(ERR_peek_error() == 0, "the error queue is left empty");
	return done_testing();
}
