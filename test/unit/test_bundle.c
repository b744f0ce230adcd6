/*
 * test_bundle.c
 *	  Lines of a ledger bundle and private keys as PEM: no change of a text
 *	  passes for it.
 */
#include "core/bundle.h"
#include "core/sigmake.h"

#include "octets.h"
#include "spoil.h"
#include "tap.h"
#include "vectors.h"

/* Bundle lines; with their LF, as they stand in a bundle. */

static cc_bundle_line known;
static uint8_t first[64];
static uint8_t second[40];

static bool
same_line(const cc_bundle_line *a)
{
	return a->kind == known.kind && a->first.len == known.first.len &&
		a->second.len == known.second.len &&
		memcmp(a->first.data, known.first.data, known.first.len) == 0 &&
		(known.second.len == 0 ||
		 memcmp(a->second.data, known.second.data, known.second.len) == 0);
}

/* What a changed line says, it says in the one way that it is written. */
static bool
is_canonical(const cc_bundle_line *line, const char *text, size_t len)
{
	size_t		size = cc_bundle_line_size(line->kind, line->first.len,
										   line->second.len);
	char	   *again = malloc(size + 1);
	bool		same;

	if (again == NULL)
		abort();
	cc_bundle_format(again, line);
	same = size == len && memcmp(again, text, len) == 0;
	free(again);
	return same;
}

/*
 * A line carries no check of itself: one that says something else is for the
 * audit to refuse.  Here it must not say the same, nor be written otherwise.
 */
static spoil_verdict
judge_line(const char *text, size_t len)
{
	char	   *copy;
	cc_bundle_line line;
	spoil_verdict verdict = SPOIL_REFUSED;

	if (len == 0 || memchr(text, '\n', len) != text + len - 1)
		return SPOIL_REFUSED;
	copy = (char *) exact_copy(text, len - 1);
	if (cc_bundle_parse(&line, copy, len - 1) == CC_OK)
	{
		if (same_line(&line))
			verdict = SPOIL_SAME;
		else if (!is_canonical(&line, text, len))
			verdict = SPOIL_OTHER;
	}
	free(copy);
	return verdict;
}

static void
test_line(const char *what, cc_bundle_kind kind, size_t nfirst, size_t nsecond)
{
	char		text[256];
	size_t		i;

	for (i = 0; i < sizeof(first); i++)
		first[i] = (uint8_t) (i * 37 + kind);
	for (i = 0; i < sizeof(second); i++)
		second[i] = (uint8_t) (i * 73 + kind);
	known.kind = kind;
	known.first.data = first;
	known.first.len = nfirst;
	known.second.data = second;
	known.second.len = nsecond;
	cc_bundle_format(text, &known);
	i = cc_bundle_line_size(kind, nfirst, nsecond);
	spoil_one_line(what, text, i, judge_line);
}

static void
test_forms(void)
{
	static const char *const bad[] = {
		"", "leaf", "leaf ", "leaf  AAAA", "Leaf AAAA", "leaf AAAA ",
		"leaf AAAA AAAA", "leaf -", "leaf AAA", "leaf AAB=", "leaf AAAA\r",
		"leaf AAAA\n", "entry AAAA", "entry AAAA ", "entry - AAAA",
		"entry AAAA --", "entry AAAA - ", "entry AAAA AAAA AAAA",
		"checkpoint", "checkpoint -", "checkpoint AAAA -", "note AAAA",
		"custody-ledger v1", "leafAAAA", "\xEF\xBB\xBFleaf AAAA"
	};
	cc_bundle_line line;
	size_t		i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		char	   *copy = (char *) exact_copy(bad[i], strlen(bad[i]));

		ok(cc_bundle_parse(&line, copy, strlen(bad[i])) != CC_OK,
		   "refused: line %d", (int) i);
		free(copy);
	}
}

/* Private keys */

/* Flips of the base64 digits that hold the version and leave base64. */
#define PEM_VERSION_FLIPS 6

static char known_pem[CC_PEM_MAX];

/* The text as it is, the last LF left out. */
static bool
is_known_but_lf(const char *text, size_t len)
{
	return len + 1 == strlen(known_pem) && memcmp(text, known_pem, len) == 0;
}

/*
 * PEM has no check of its own: a changed digit may be another key.  It must
 * not be the same one, unless nothing but the last LF is missing.
 */
static spoil_verdict
judge_pem(const char *text, size_t len)
{
	char	   *copy = (char *) exact_copy(text, len);
	char		again[CC_PEM_MAX];
	cc_signer  *s;
	spoil_verdict verdict = SPOIL_REFUSED;

	if (cc_signer_load(&s, copy, len) == CC_OK)
	{
		if (cc_signer_store(s, again) != CC_OK)
			abort();
		if (strcmp(again, known_pem) == 0 && !is_known_but_lf(text, len))
			verdict = SPOIL_SAME;
		cc_signer_free(s);
	}
	free(copy);
	return verdict;
}

/*
 * Line breaks may stand elsewhere, so bytes are not added here; and OpenSSL
 * does not look at the version of PKCS #8.
 */
static void
test_pem(void)
{
	spoil		s;
	size_t		bit;

	spoil_init(&s, "PEM", known_pem, strlen(known_pem), judge_pem);
	memcpy(s.work, s.text, s.len);
	for (bit = 0; bit < s.len * 8; bit++)
	{
		s.work[bit / 8] ^= (char) (1 << bit % 8);
		spoil_try(&s, s.len);
		s.work[bit / 8] ^= (char) (1 << bit % 8);
	}
	spoil_report(&s, "no flipped bit but of the version", PEM_VERSION_FLIPS);
	spoil_cuts(&s);
	spoil_trailing(&s);
	spoil_crlf(&s);
	spoil_base64(&s);
	free(s.work);
}

int
main(void)
{
	static const uint8_t seed[32] = {7};
	cc_signer  *s;

	test_line("leaf", CC_BUNDLE_LEAF, 33, 0);
	test_line("entry", CC_BUNDLE_ENTRY, 32, 40);
	test_line("entry without a private part", CC_BUNDLE_ENTRY, 34, 0);
	test_line("checkpoint", CC_BUNDLE_CHECKPOINT, 64, 0);
	test_forms();
	if (cc_signer_from_seed(&s, seed) != CC_OK ||
		cc_signer_store(s, known_pem) != CC_OK)
		abort();
	cc_signer_free(s);
	test_pem();
	return done_testing();
}
