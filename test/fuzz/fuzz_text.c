/*
 * fuzz_text.c
 *	  The small things that texts are made of; the first byte chooses which.
 *	  What parses is written back alike.
 */
#include "core/checkpoint.h"

#include "fuzz.h"

static void
must_equal(const void *a, const void *b, size_t len)
{
	if (len > 0 && memcmp(a, b, len) != 0)
		abort();
}

/* With room and without, both read the same; of one size only, at its size. */
static void
fuzz_base64(const char *text, size_t len)
{
	uint8_t    *out = malloc(len + 1);
	char	   *again = malloc(len + 5);
	cc_slice	slice = {(const uint8_t *) text, len};
	cc_status	status;
	size_t		n;
	size_t		seen;

	if (out == NULL || again == NULL)
		abort();
	status = cc_base64_decode(out, len, &n, text, len);
	if ((cc_base64_decode(NULL, 0, &seen, text, len) == CC_OK) !=
		(status == CC_OK))
		abort();
	if (status == CC_OK)
	{
		if (seen != n || CC_BASE64_SIZE(n) != len)
			abort();
		cc_base64_encode(again, out, n);
		must_equal(again, text, len);
		if (cc_base64_decode_fixed(out, n, slice) != CC_OK ||
			cc_base64_decode_fixed(out, n + 1, slice) == CC_OK)
			abort();
	}
	free(out);
	free(again);
}

static void
fuzz_decimal(const char *text, size_t len)
{
	char		again[CC_DECIMAL_MAX];
	uint64_t	v;

	if (cc_decimal_parse(&v, text, len) != CC_OK)
		return;
	if (v > INT64_MAX || cc_decimal_format(again, v) != len)
		abort();
	must_equal(again, text, len);
}

static void
fuzz_note_line(const char *text, size_t len)
{
	uint8_t		signature[CC_SIGNATURE_MAX];
	char		again[CC_NOTE_LINE_MAX + 1];
	char		name[CC_ORIGIN_MAX + 1];
	cc_slice	line = {(const uint8_t *) text, len};
	cc_note_signature s;
	size_t		n;

	if (cc_note_line_parse(&s, line) != CC_OK ||
		cc_note_signature_decode(&s, signature, &n) != CC_OK ||
		s.name.len > CC_ORIGIN_MAX)
		return;
	memcpy(name, s.name.data, s.name.len);
	name[s.name.len] = '\0';
	if (cc_note_line(again, name, s.id, signature, n) != len + 1)
		abort();
	must_equal(again, text, len);
}

/* What is restored is restored for good. */
static void
fuzz_restore(const char *text, size_t len)
{
	char	   *note = malloc(len + 2);
	char	   *again = malloc(len + 2);
	size_t		n;

	if (note == NULL || again == NULL)
		abort();
	if (len > 0)
		memcpy(note, text, len);
	n = cc_note_restore(note, len);
	if (n > len + 1 || n == 0 || memchr(note, '\r', n) != NULL)
		abort();
	memcpy(again, note, n);
	if (cc_note_restore(again, n) != n)
		abort();
	must_equal(again, note, n);
	free(note);
	free(again);
}

static void
fuzz_frontier(const char *data, size_t len)
{
	cc_frontier f;
	uint8_t		root[CC_DIGEST_SIZE];

	if (len < 8 ||
		cc_frontier_load(&f, cc_load_u64((const uint8_t *) data), data + 8,
						 len - 8) != CC_OK)
		return;
	if ((size_t) cc_frontier_count(&f) * CC_DIGEST_SIZE != len - 8)
		abort();
	must_equal(f.nodes, data + 8, len - 8);
	cc_frontier_root(&f, root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const all[]) (const char *, size_t) = {
		fuzz_base64, fuzz_decimal, fuzz_note_line, fuzz_restore, fuzz_frontier
	};
	char	   *in;

	if (len == 0)
		return 0;
	in = (char *) exact_copy(data + 1, len - 1);
	all[data[0] % 5] (in, len - 1);
	free(in);
	return 0;
}
