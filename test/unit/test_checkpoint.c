/*
 * test_checkpoint.c
 *	  Signed tree heads: the published notes byte for byte, and no change of
 *	  one passes for it.
 */
#include "core/checkpoint.h"
#include "core/sigmake.h"

#include "octets.h"
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
	   c.nsignatures == 2 && c.signatures[0].len == 0,
	   "a post-quantum line is passed over");
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
	   slice_is(c.signatures[0].name, c.origin) && c.signatures[0].len == 64,
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
	uint8_t		signature[CC_SIGNATURE_MAX];
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

static void
test_keys(void)
{
	cc_checkpoint c;
	cc_vkey		k;

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
	c.signatures[1].signature[0] ^= 1;
	ok(cc_checkpoint_check(&c, &k) == CC_E_SIGNATURE,
	   "one wrong line of a key spoils the note");
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

/* A cosignature of this time; the key is that of the vector's seed. */
static cc_status
check_time(uint64_t time)
{
	const char *text = note_vectors[WITNESS].text;
	char		message[1024] = "cosignature/v1\ntime ";
	uint8_t		signature[8 + CC_SIGNATURE_MAX];
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
	   c.nsignatures == CC_NOTE_SIGNATURES_MAX, "sixteen signatures");
	append(note_vectors[EPOCH_1].line);
	ok(parse(&c, note, note_len) == CC_E_FORM, "seventeen are refused");
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
	test_fields();
	test_signing(EPOCH_1);
	test_signing(EPOCH_2);
	test_changes(EPOCH_1);
	test_changes(ECDSA);
	test_changes(WITNESS);
	test_keys();
	test_names();
	test_cosignature_times();
	test_signature_count();
	test_forms();
	test_lengths();
	test_restoring();
	ok(parse(&c, "", 0) == CC_E_TRUNCATED, "no note");
	return done_testing();
}
