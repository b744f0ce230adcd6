/*
 * test_verifier_key.c
 *	  Names, key ids and verifier keys of the published notes; no other
 *	  spelling parses.
 */
#include "core/sigcheck.h"

#include "octets.h"
#include "spoil.h"
#include "tap.h"
#include "vectors.h"

static cc_status
parse(cc_vkey *k, const char *text, size_t len)
{
	char	   *copy = (char *) exact_copy(text, len);
	cc_status	status = cc_vkey_parse(k, copy, len);

	free(copy);
	return status;
}

static void
test_vectors(void)
{
	char		out[CC_VERIFIER_KEY_MAX + 1];
	uint8_t		id[4];
	cc_vkey		k;
	int			i;

	for (i = 0; i < N_NOTE_VECTORS; i++)
	{
		const char *text = note_vectors[i].vkey;

		if (!ok(parse(&k, text, strlen(text)) == CC_OK, "parse: %s",
				note_vectors[i].what))
			continue;
		cc_store_u32(id, k.id);
		ok(is_hex(id, sizeof(id), note_vectors[i].key_id_hex), "key id");
		cc_vkey_format(out, &k);
		ok(strcmp(out, text) == 0, "formatted alike");
	}
}

/* A change that parses is another key, and prints as it was given. */
static bool
is_other_key(const char *text, size_t len, const cc_vkey *was)
{
	char		out[CC_VERIFIER_KEY_MAX + 1];
	cc_vkey		k;

	if (parse(&k, text, len) != CC_OK)
		return true;
	cc_vkey_format(out, &k);
	return strlen(out) == len && memcmp(out, text, len) == 0 &&
		memcmp(&k, was, sizeof(k)) != 0;
}

/* A P-256 key id does not cover the name: that alone may change. */
static void
test_changes(void)
{
	char		text[CC_VERIFIER_KEY_MAX + 2];
	cc_vkey		was;
	int			wrong;
	int			i;

	for (i = 0; i < N_NOTE_VECTORS; i++)
	{
		size_t		len = strlen(note_vectors[i].vkey);
		size_t		bit;

		memcpy(text, note_vectors[i].vkey, len + 1);
		wrong = parse(&was, text, len) != CC_OK;
		for (bit = 0; bit < len * 8; bit++)
		{
			text[bit / 8] ^= (char) (1 << bit % 8);
			wrong += !is_other_key(text, len, &was);
			text[bit / 8] ^= (char) (1 << bit % 8);
		}
		for (bit = 0; bit < len; bit++)
			wrong += parse(&was, text, bit) == CC_OK;
		text[len] = '\n';
		wrong += parse(&was, text, len + 1) == CC_OK;
		ok(wrong == 0, "changed, cut or longer: %s", note_vectors[i].what);
	}
}

static cc_vkey spoilt;

/*
 * A line of a file of keys.  What parses is this key, or is another and
 * written in the one way.
 */
static spoil_verdict
judge(const char *text, size_t len)
{
	char		out[CC_VERIFIER_KEY_MAX + 1];
	cc_vkey		k;

	if (len == 0 || text[--len] != '\n' || parse(&k, text, len) != CC_OK)
		return SPOIL_REFUSED;
	if (memcmp(&k, &spoilt, sizeof(k)) == 0)
		return SPOIL_SAME;
	cc_vkey_format(out, &k);
	return strlen(out) == len && memcmp(out, text, len) == 0 ?
		SPOIL_REFUSED : SPOIL_OTHER;
}

static void
test_spoilt(void)
{
	int			i;

	for (i = 0; i < N_NOTE_VECTORS - 1; i++)
	{
		char		line[CC_VERIFIER_KEY_MAX + 2];
		size_t		len = strlen(note_vectors[i].vkey);

		memcpy(line, note_vectors[i].vkey, len);
		line[len] = '\n';
		if (parse(&spoilt, line, len) != CC_OK)
			abort();
		spoil_one_line(note_vectors[i].what, line, len + 1, judge);
	}
}

static void
test_refusals(void)
{
	static const char *const bad[] = {
		"", "+", "++", "a+00000000+", "a+00000000+AQ==", "a+0000000+AQAA",
		"+44abdeda+AQr2r+UdOOD2noZYeSeAAl6t/Notf9ewtowf6WOqnG3J",
		"ledger.example/vectors+44ABDEDA+"
		"AQr2r+UdOOD2noZYeSeAAl6t/Notf9ewtowf6WOqnG3J",
		"ledger.example/vectors+44abdedb+"
		"AQr2r+UdOOD2noZYeSeAAl6t/Notf9ewtowf6WOqnG3J",
		"ledger.example/vectors +44abdeda+"
		"AQr2r+UdOOD2noZYeSeAAl6t/Notf9ewtowf6WOqnG3J"
	};
	cc_vkey		k;
	size_t		i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(parse(&k, bad[i], strlen(bad[i])) != CC_OK, "refused: '%s'", bad[i]);
}

static void
test_names(void)
{
	char		longest[CC_ORIGIN_MAX + 1];

	memset(longest, 'a', sizeof(longest));
	ok(cc_origin_valid("hospital.example/custody-2", 26), "an origin");
	ok(cc_origin_valid(longest, CC_ORIGIN_MAX), "the longest origin");
	ok(!cc_origin_valid(longest, CC_ORIGIN_MAX + 1), "one too long");
	ok(!cc_origin_valid("", 0), "an empty one");
	ok(!cc_origin_valid("/a", 2) && !cc_origin_valid("a/", 2) &&
	   !cc_origin_valid("/", 1), "slashes at an end");
	ok(!cc_origin_valid("a b", 3) && !cc_origin_valid("a+b", 3) &&
	   !cc_origin_valid("a_b", 3) && !cc_origin_valid("\xC3\xA4", 2) &&
	   !cc_origin_valid("a\0b", 3), "other characters");
	ok(cc_name_valid("k\xC3\xA4se_~", 7), "a key name may be any UTF-8");
	ok(!cc_name_valid("", 0) && !cc_name_valid("a b", 3) &&
	   !cc_name_valid("a+b", 3) && !cc_name_valid("a\tb", 3) &&
	   !cc_name_valid("a\0b", 3) && !cc_name_valid("a\x7F", 2),
	   "but no space, plus sign or control character");
	ok(!cc_name_valid("a\xC2\xA0", 3) && !cc_name_valid("\xE3\x80\x80", 3) &&
	   !cc_name_valid("\xE2\x80\xA8", 3) && !cc_name_valid("\xC2\x85", 2),
	   "nor a Unicode space");
	ok(!cc_name_valid("\xC0\xAF", 2) && !cc_name_valid("\xE0\x80\xAF", 3) &&
	   !cc_name_valid("\xED\xA0\x80", 3) && !cc_name_valid("\xC3", 1) &&
	   !cc_name_valid("\xF4\x90\x80\x80", 4) && !cc_name_valid("\x80", 1) &&
	   !cc_name_valid("\xF0\x80\x80\xAF", 4) && !cc_name_valid("\xFF", 1),
	   "nor malformed UTF-8");
}

int
main(void)
{
	test_vectors();
	test_changes();
	test_spoilt();
	test_refusals();
	test_names();
	return done_testing();
}
