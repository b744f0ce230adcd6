/*
 * test_checkpoint.c
 *	  Signed tree heads: the published notes byte for byte, and no change of
 *	  one passes for it.
 */
#include <openssl/crypto.h>

#include "core/checkpoint.h"
#include "core/sigmake.h"

#include "octets.h"
#include "spoil.h"
#include "tap.h"
#include "vectors.h"

#define NOTE_BUFFER 65536

/* What the vectors are. */
enum
{
	EPOCH_1, EPOCH_2, EXTENDED, ECDSA, WITNESS, POST_QUANTUM
};

static char note[NOTE_BUFFER];
static size_t note_len;

static void
append(const char *text)
{
	memcpy(note + note_len, text, strlen(text));
	note_len += strlen(text);
}

/* The text of vector i, a blank line, no signature yet. */
static void
begin_note(int i)
{
	note_len = 0;
	append(note_vectors[i].text);
	append("\n");
}

static void
make_note(int i)
{
	begin_note(i);
	append(note_vectors[i].line);
}

static cc_status
parse(cc_checkpoint *c, const char *text, size_t len)
{
	/* Kept until the next call: the checkpoint points into it. */
	static uint8_t *copy;

	free(copy);
	copy = exact_copy(text, len);
	return cc_checkpoint_parse(c, (const char *) copy, len);
}

static cc_vkey
key_of(int i)
{
	cc_vkey		k;

	if (cc_vkey_parse(&k, note_vectors[i].vkey,
					  strlen(note_vectors[i].vkey)) != CC_OK)
		abort();
	return k;
}

static cc_status
check_note(int i)
{
	cc_checkpoint c;
	cc_vkey		k = key_of(i);
	cc_status	status = parse(&c, note, note_len);

	return status == CC_OK ? cc_checkpoint_check(&c, &k) : status;
}

/* OpenSSL has ML-DSA since 3.5. */
static bool
has_mldsa(void)
{
	return OpenSSL_version_num() >= 0x30500000UL;
}

static void
test_vectors(void)
{
	static const int usable[] = {EPOCH_1, EPOCH_2, ECDSA, WITNESS};
	cc_checkpoint c;
	size_t		i;

	for (i = 0; i < sizeof(usable) / sizeof(usable[0]); i++)
	{
		make_note(usable[i]);
		ok(check_note(usable[i]) == CC_OK, "%s", note_vectors[usable[i]].what);
	}
	make_note(EXTENDED);
	ok(parse(&c, note, note_len) == CC_E_FORM, "an extension line is refused");
	make_note(POST_QUANTUM);
	append(note_vectors[EPOCH_1].line);
	ok(check_note(EPOCH_1) == CC_OK && parse(&c, note, note_len) == CC_OK &&
	   c.nsignatures == 2, "beside a post-quantum line");
	make_note(POST_QUANTUM);
	ok(check_note(POST_QUANTUM) == (has_mldsa() ? CC_OK : CC_E_UNSUPPORTED),
	   "%s: %s", note_vectors[POST_QUANTUM].what,
	   has_mldsa() ? "holds" : "this OpenSSL cannot tell");
}

/* A line of 2,420 bytes that is not the signature never holds. */
static void
test_post_quantum_changes(void)
{
	int			wrong = 0;
	size_t		at;

	make_note(POST_QUANTUM);
	for (at = 0; at < note_len; at += 7)
	{
		cc_status	status;

		note[at] ^= 1;
		status = check_note(POST_QUANTUM);
		wrong += status == CC_OK || (has_mldsa() && status == CC_E_UNSUPPORTED);
		note[at] ^= 1;
	}
	ok(wrong == 0, "no changed post-quantum note");
	append(note_vectors[POST_QUANTUM].line);
	note[note_len - 5] ^= 1;
	ok(check_note(POST_QUANTUM) == (has_mldsa() ? CC_E_SIGNATURE : CC_E_UNSUPPORTED),
	   "nor one with a wrong line besides");
}

/* The whole line of a long foreign signature is kept as it is. */
static void
test_long_lines(void)
{
	static char line[9000];
	uint8_t		signature[CC_SIGNATURE_MAX];
	cc_checkpoint c;
	size_t		len;
	size_t		n = strlen("\xE2\x80\x94 far.example ");

	make_note(EPOCH_1);
	strcpy(line, "\xE2\x80\x94 far.example ");
	memset(line + n, 'A', 8000);
	strcpy(line + n + 8000, "\n");
	append(line);
	ok(check_note(EPOCH_1) == CC_OK && parse(&c, note, note_len) == CC_OK &&
	   c.nsignatures == 2 && c.signatures[1].digits.len == 8000,
	   "a foreign line of 6,000 bytes is passed over");
	ok(cc_note_signature_decode(&c.signatures[1], signature, &len) == CC_E_SPACE,
	   "and is not decoded");
	ok(cc_note_signature_decode(&c.signatures[0], signature, &len) == CC_OK &&
	   is_hex(signature, len, note_vectors[EPOCH_1].signature_hex),
	   "the other is");
}

static void
test_fields(void)
{
	cc_checkpoint c;
	uint8_t		digest[CC_DIGEST_SIZE];
	uint8_t		want[CC_DIGEST_SIZE];
	char		text[CC_CHECKPOINT_TEXT_MAX + 1];
	size_t		len;

	make_note(EPOCH_1);
	ok(parse(&c, note, note_len) == CC_OK &&
	   strcmp(c.origin, "ledger.example/vectors") == 0 && c.size == 8 &&
	   is_hex(c.root, sizeof(c.root), tree_roots[8]),
	   "origin, size and root");
	ok(c.text.len == strlen(note_vectors[0].text) && c.nsignatures == 1 &&
	   slice_is(c.signatures[0].name, c.origin) &&
	   c.signatures[0].digits.len == CC_BASE64_SIZE(4 + 64),
	   "text and signature");
	len = cc_checkpoint_text(text, c.origin, c.size, c.root);
	ok(len == strlen(text) && strcmp(text, note_vectors[0].text) == 0,
	   "the text is written alike");
	cc_checkpoint_digest(digest, c.origin, c.size, c.root);
	cc_digest_prefixed(want, 0x19, text, len);
	ok(cc_equal(digest, want, sizeof(want)), "its digest");
}

/* Seed to line, byte for byte. */
static void
test_signing(int i)
{
	char		line[CC_NOTE_LINE_MAX + 1];
	uint8_t		seed[32];
	uint8_t		signature[CC_MADE_SIGNATURE_MAX];
	cc_signer  *s;
	cc_vkey		k;
	size_t		n;

	unhex(seed, sizeof(seed), note_vectors[i].seed_hex);
	if (!ok(cc_signer_from_seed(&s, seed) == CC_OK &&
			cc_signer_vkey(s, "ledger.example/vectors", &k) == CC_OK &&
			cc_signer_sign(s, note_vectors[i].text,
						   strlen(note_vectors[i].text), signature,
						   &n) == CC_OK, "sign: %s", note_vectors[i].what))
		return;
	ok(is_hex(signature, n, note_vectors[i].signature_hex), "signature");
	n = cc_note_line(line, k.name, k.id, signature, n);
	ok(n == strlen(note_vectors[i].line) &&
	   strcmp(line, note_vectors[i].line) == 0, "line");
	cc_signer_free(s);
}

/* No flipped bit, cut or added byte passes under the key of vector i. */
static void
test_changes(int i)
{
	int			accepted = 0;
	size_t		len;
	size_t		bit;

	make_note(i);
	len = note_len;
	for (bit = 0; bit < len * 8; bit++)
	{
		note[bit / 8] ^= (char) (1 << bit % 8);
		accepted += check_note(i) == CC_OK;
		note[bit / 8] ^= (char) (1 << bit % 8);
	}
	ok(accepted == 0, "no flipped bit: %s", note_vectors[i].what);
	accepted = 0;
	for (note_len = 0; note_len < len; note_len++)
		accepted += check_note(i) == CC_OK;
	ok(accepted == 0, "no cut note: %s", note_vectors[i].what);
	accepted = 0;
	note_len = len + 1;
	for (bit = 0; bit < 256; bit++)
	{
		note[len] = (char) bit;
		accepted += check_note(i) == CC_OK;
	}
	ok(accepted == 0, "no byte more: %s", note_vectors[i].what);
}

/* The note of which vector, and its key. */
static int	spoilt;

static spoil_verdict
judge(const char *text, size_t len)
{
	cc_checkpoint c;
	cc_vkey		k = key_of(spoilt);
	const char *want = note_vectors[spoilt].text;

	if (parse(&c, text, len) != CC_OK || cc_checkpoint_check(&c, &k) != CC_OK)
		return SPOIL_REFUSED;
	return c.text.len == strlen(want) &&
		memcmp(c.text.data, want, c.text.len) == 0 ? SPOIL_SAME : SPOIL_OTHER;
}

/* And no other change of its characters and lines. */
static void
test_spoilt(int i)
{
	spoilt = i;
	make_note(i);
	spoil_text(note_vectors[i].what, note, note_len, judge);
}

static void
test_keys(void)
{
	cc_checkpoint c;
	cc_vkey		k;
	char	   *digit;

	make_note(EPOCH_1);
	ok(check_note(EPOCH_2) == CC_E_UNSIGNED,
	   "another key of the same name is no signer");
	ok(check_note(WITNESS) == CC_E_UNSIGNED, "nor is a witness");
	append(note_vectors[EPOCH_2].line);
	append(note_vectors[WITNESS].line);
	append(note_vectors[ECDSA].line);
	ok(check_note(EPOCH_1) == CC_OK && check_note(EPOCH_2) == CC_OK &&
	   check_note(WITNESS) == CC_OK && check_note(ECDSA) == CC_OK,
	   "a note with four lines verifies under each key");
	if (parse(&c, note, note_len) != CC_OK)
		abort();
	k = key_of(EPOCH_1);
	c.signatures[1] = c.signatures[0];
	digit = (char *) exact_copy(c.signatures[0].digits.data,
								c.signatures[0].digits.len);
	digit[20] = digit[20] == 'A' ? 'B' : 'A';
	c.signatures[1].digits.data = (uint8_t *) digit;
	ok(cc_checkpoint_check(&c, &k) == CC_E_SIGNATURE,
	   "one wrong line of a key spoils the note");
	free(digit);
	k = key_of(ECDSA);
	strcpy(k.name, "other.example/log");
	c.signatures[3].name = text_slice("other.example/log");
	ok(cc_checkpoint_check(&c, &k) == CC_E_UNSIGNED,
	   "a log's key signs for the origin of its name only");
	c.signatures[0].id = c.signatures[2].id;
	c.signatures[0].name = c.signatures[2].name;
	k = key_of(WITNESS);
	ok(cc_checkpoint_check(&c, &k) == CC_E_SIGNATURE,
	   "a log's signature is no cosignature");
}

static void
test_names(void)
{
	cc_checkpoint c;
	cc_vkey		k = key_of(WITNESS);

	make_note(WITNESS);
	if (parse(&c, note, note_len) != CC_OK)
		abort();
	c.signatures[0].name.len--;
	ok(cc_checkpoint_check(&c, &k) == CC_E_UNSIGNED,
	   "the beginning of a name is another name");
}

static cc_status
check_signed(const cc_vkey *keys, size_t n)
{
	cc_checkpoint c;

	if (parse(&c, note, note_len) != CC_OK)
		abort();
	return cc_checkpoint_signed(&c, keys, n);
}

static void
test_who_signed(void)
{
	cc_vkey		all[5];
	cc_vkey		other;
	size_t		at;

	all[0] = key_of(EPOCH_2);
	all[1] = key_of(EPOCH_1);
	all[2] = key_of(WITNESS);
	all[3] = key_of(ECDSA);
	all[4] = key_of(POST_QUANTUM);
	make_note(EPOCH_1);
	ok(check_signed(all, 5) == CC_OK, "one of the trusted keys signed");
	ok(check_signed(all, 0) == CC_E_UNSIGNED &&
	   check_signed(all, 1) == CC_E_UNSIGNED, "none of them did");
	at = note_len + strlen("\xE2\x80\x94 ledger.example/vectors ") + 20;
	append(note_vectors[EPOCH_2].line);
	note[at] = note[at] == 'A' ? 'B' : 'A';
	ok(check_signed(all + 1, 1) == CC_OK &&
	   check_signed(all, 5) == CC_E_SIGNATURE,
	   "a wrong line of a trusted key spoils the note");
	make_note(WITNESS);
	ok(check_signed(all, 5) == CC_E_UNSIGNED && check_signed(all + 2, 1) == CC_E_UNSIGNED,
	   "a witness does not speak for the log");
	make_note(POST_QUANTUM);
	ok(check_signed(all, 5) == (has_mldsa() ? CC_OK : CC_E_UNSUPPORTED),
	   "a log may sign with a post-quantum key of its name");
	append(note_vectors[EPOCH_1].line);
	ok(check_signed(all, 5) == CC_OK, "or with two keys");
	other = all[4];
	strcpy(other.name, "witness.example/w2");
	ok(cc_vkey_witness(&other, "ledger.example/vectors") &&
	   !cc_vkey_witness(&all[4], "ledger.example/vectors") &&
	   cc_vkey_witness(&all[2], "witness.example/w1") &&
	   !cc_vkey_witness(&all[0], "other.example"), "who is a witness");
}

/* A cosignature of this time; the key is that of the vector's seed. */
static cc_status
check_time(uint64_t time)
{
	const char *text = note_vectors[WITNESS].text;
	char		message[1024] = "cosignature/v1\ntime ";
	uint8_t		signature[8 + CC_MADE_SIGNATURE_MAX];
	uint8_t		seed[32];
	cc_vkey		k = key_of(WITNESS);
	cc_signer  *s;
	size_t		n = strlen(message);

	n += cc_decimal_format(message + n, time);
	message[n++] = '\n';
	memcpy(message + n, text, strlen(text));
	n += strlen(text);
	unhex(seed, sizeof(seed), note_vectors[WITNESS].seed_hex);
	cc_store_u64(signature, time);
	if (cc_signer_from_seed(&s, seed) != CC_OK ||
		cc_signer_sign(s, message, n, signature + 8, &n) != CC_OK)
		abort();
	cc_signer_free(s);
	return cc_signature_check(&k, text, strlen(text), signature, 8 + n);
}

static void
test_cosignature_times(void)
{
	ok(check_time(0) == CC_OK && check_time(INT64_MAX) == CC_OK,
	   "cosignatures of any time");
	ok(check_time((uint64_t) INT64_MAX + 1) == CC_E_SIGNATURE,
	   "but none from 2^63 on");
}

static void
test_signature_count(void)
{
	cc_checkpoint c;
	int			i;

	begin_note(EPOCH_1);
	ok(parse(&c, note, note_len) == CC_E_TRUNCATED, "no signature");
	for (i = 0; i < CC_NOTE_SIGNATURES_MAX; i++)
		append(note_vectors[EPOCH_1].line);
	ok(parse(&c, note, note_len) == CC_OK &&
	   c.nsignatures == CC_NOTE_SIGNATURES_MAX, "a hundred signatures");
	append(note_vectors[EPOCH_1].line);
	ok(parse(&c, note, note_len) == CC_E_FORM, "one more is refused");
}

#define ROOT "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg="
#define SIG "\xE2\x80\x94 a AAAAAAA=\n"

static void
test_forms(void)
{
	static const struct
	{
		const char *what;
		const char *text;
	}			bad[] = {
		{"an empty origin", "\n8\n" ROOT "\n\n" SIG},
		{"an empty size", "a\n\n" ROOT "\n\n" SIG},
		{"a size of 2^63", "a\n9223372036854775808\n" ROOT "\n\n" SIG},
		{"a size with a leading zero", "a\n08\n" ROOT "\n\n" SIG},
		{"a size with a sign", "a\n+8\n" ROOT "\n\n" SIG},
		{"a size in hexadecimal", "a\n0x8\n" ROOT "\n\n" SIG},
		{"a root of 33 bytes",
			"a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQygA\n\n" SIG},
		{"a root of 31 bytes",
			"a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQw==\n\n" SIG},
		{"a root in other base64",
			"a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyh=\n\n" SIG},
		{"a root without padding",
			"a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg\n\n" SIG},
		{"carriage returns", "a\r\n8\r\n" ROOT "\r\n\r\n" SIG},
		{"a carriage return in the origin", "a\r\n8\n" ROOT "\n\n" SIG},
		{"two lines of text", "a\n8\n\n" SIG},
		{"two blank lines", "a\n8\n" ROOT "\n\n\n" SIG},
		{"no blank line", "a\n8\n" ROOT "\n" SIG},
		{"a line for the blank one", "a\n8\n" ROOT "\nx\n" SIG},
		{"a blank line at the end", "a\n8\n" ROOT "\n\n" SIG "\n"},
		{"a hyphen for the dash", "a\n8\n" ROOT "\n\n- a AAAAAAA=\n"},
		{"two spaces", "a\n8\n" ROOT "\n\n\xE2\x80\x94 a  AAAAAAA=\n"},
		{"a trailing space", "a\n8\n" ROOT "\n\n\xE2\x80\x94 a AAAAAAA= \n"},
		{"no key name", "a\n8\n" ROOT "\n\n\xE2\x80\x94  AAAAAAA=\n"},
		{"a plus in the key name",
			"a\n8\n" ROOT "\n\n\xE2\x80\x94 a+b AAAAAAA=\n"},
		{"a key id alone", "a\n8\n" ROOT "\n\n\xE2\x80\x94 a AAAAAA==\n"},
		{"a signature in other base64",
			"a\n8\n" ROOT "\n\n\xE2\x80\x94 a AAAAAAB=\n"},
		{"no signature bytes", "a\n8\n" ROOT "\n\n\xE2\x80\x94 a \n"},
		{"text after the signatures", "a\n8\n" ROOT "\n\n" SIG "x"}
	};
	const char *good = "a\n8\n" ROOT "\n\n" SIG;
	cc_checkpoint c;
	size_t		i;

	ok(parse(&c, good, strlen(good)) == CC_OK, "the plain form is accepted");
	good = "a\n9223372036854775807\n" ROOT "\n\n" SIG;
	ok(parse(&c, good, strlen(good)) == CC_OK && c.size == INT64_MAX,
	   "a size of 2^63 - 1 is accepted");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(parse(&c, bad[i].text, strlen(bad[i].text)) != CC_OK,
		   "refused: %s", bad[i].what);
}

static void
test_lengths(void)
{
	char		name[CC_ORIGIN_MAX + 2];
	char		text[CC_CHECKPOINT_TEXT_MAX + 1];
	char		line[CC_NOTE_LINE_MAX + 1];
	uint8_t		bytes[CC_SIGNATURE_MAX + 1] = {0};

	memset(name, 'a', sizeof(name));
	name[CC_ORIGIN_MAX + 1] = '\0';
	ok(cc_checkpoint_text(text, name, 1, bytes) == 0 && text[0] == '\0' &&
	   cc_note_line(line, name, 1, bytes, 64) == 0,
	   "a name too long is not written");
	name[CC_ORIGIN_MAX] = '\0';
	ok(cc_checkpoint_text(text, name, INT64_MAX, bytes) <=
	   CC_CHECKPOINT_TEXT_MAX, "the longest text fits");
	ok(cc_note_line(line, name, 1, bytes, CC_SIGNATURE_MAX) <=
	   CC_NOTE_LINE_MAX, "the longest line fits");
	ok(cc_note_line(line, "a", 1, bytes, CC_SIGNATURE_MAX + 1) == 0,
	   "a signature too long is not written");
}

static bool
restored(const char *kept, const char *given)
{
	char		text[64];

	memcpy(text, kept, strlen(kept) + 1);
	return cc_note_restore(text, strlen(kept)) == strlen(given) &&
		memcmp(text, given, strlen(given)) == 0;
}

static void
test_restoring(void)
{
	ok(restored("a\n8\n", "a\n8\n"), "a note as it was given stays");
	ok(restored("a\n8", "a\n8\n"), "a lost LF at the end comes back");
	ok(restored("a\n8\n\n \n", "a\n8\n"), "further lines at the end go");
	ok(restored("a\r\n8\r\n", "a\n8\n"), "CR LF becomes LF");
	ok(restored("a \n\n8\n", "a \n\n8\n"), "what stands within stays");
	ok(restored("", "\n"), "nothing becomes an empty line");
}

int
main(void)
{
	cc_checkpoint c;

	test_vectors();
	test_post_quantum_changes();
	test_long_lines();
	test_fields();
	test_signing(EPOCH_1);
	test_signing(EPOCH_2);
	test_changes(EPOCH_1);
	test_changes(ECDSA);
	test_changes(WITNESS);
	test_spoilt(EPOCH_1);
	test_spoilt(ECDSA);
	test_spoilt(WITNESS);
	test_keys();
	test_names();
	test_who_signed();
	test_cosignature_times();
	test_signature_count();
	test_forms();
	test_lengths();
	test_restoring();
	ok(parse(&c, "", 0) == CC_E_TRUNCATED, "no note");
	return done_testing();
}
