/*
 * prooftext.c
 *	  Lines of proofs.
 */
#include "core/prooftext.h"

#include <string.h>

#define NO_HASHES "-"

/* Reading */

bool
cc_text_is(cc_slice line, const char *text)
{
	return line.len == strlen(text) && memcmp(line.data, text, line.len) == 0;
}

bool
cc_text_after(cc_slice *line, const char *word)
{
	size_t		n = strlen(word);

	if (line->len <= n || memcmp(line->data, word, n) != 0)
		return false;
	line->data += n;
	line->len -= n;
	return true;
}

cc_slice
cc_text_field(cc_reader *r, const char *word)
{
	cc_slice	line = cc_read_line(r);

	if (cc_text_after(&line, word))
		return line;
	cc_reader_fail(r, CC_E_FORM);
	return (cc_slice) {NULL, 0};
}

cc_slice
cc_text_word(cc_slice *field)
{
	const uint8_t *space = NULL;
	cc_slice	word = *field;

	if (field->len > 0)
		space = memchr(field->data, ' ', field->len);
	if (space == NULL)
	{
		field->len = 0;
		return word;
	}
	word.len = (size_t) (space - field->data);
	field->data = space + 1;
	field->len -= word.len + 1;
	return word;
}

void
cc_text_decimal(cc_reader *r, uint64_t *out, cc_slice word)
{
	cc_status	status;

	if (r->status != CC_OK)
		return;
	status = cc_decimal_parse(out, (const char *) word.data, word.len);
	if (status != CC_OK)
		cc_reader_fail(r, status);
}

void
cc_text_decode(cc_reader *r, cc_slice *out, char *text, cc_slice word)
{
	char	   *start;
	cc_status	status;

	if (r->status == CC_OK && word.len == 0)
		cc_reader_fail(r, CC_E_FORM);
	if (r->status != CC_OK)
		return;
	start = text + (word.data - r->data);
	status = cc_base64_decode(start, word.len, &out->len, start, word.len);
	if (status != CC_OK)
		cc_reader_fail(r, status);
	else
		out->data = word.data;
}

void
cc_text_hashes(cc_reader *r, cc_slice *out, char *text, cc_slice word)
{
	out->data = NULL;
	out->len = 0;
	if (r->status != CC_OK || cc_text_is(word, NO_HASHES))
		return;
	cc_text_decode(r, out, text, word);
	if (out->len % CC_DIGEST_SIZE != 0 ||
		out->len > CC_FRONTIER_MAX * CC_DIGEST_SIZE)
		cc_reader_fail(r, CC_E_FORM);
}

/* Writing */

void
cc_text_put(cc_writer *w, const char *text)
{
	cc_write_raw(w, text, strlen(text));
}

void
cc_text_put_decimal(cc_writer *w, uint64_t v)
{
	char		digits[CC_DECIMAL_MAX];

	cc_write_raw(w, digits, cc_decimal_format(digits, v));
}

/* A piece at a time; no piece but the last needs padding. */
void
cc_text_put_base64(cc_writer *w, cc_slice bytes)
{
	char		digits[CC_BASE64_SIZE(48)];

	while (bytes.len > 0)
	{
		size_t		n = bytes.len < 48 ? bytes.len : 48;

		cc_base64_encode(digits, bytes.data, n);
		cc_write_raw(w, digits, CC_BASE64_SIZE(n));
		bytes.data += n;
		bytes.len -= n;
	}
}

void
cc_text_put_hashes(cc_writer *w, cc_slice hashes)
{
	if (hashes.len == 0)
		cc_text_put(w, NO_HASHES);
	cc_text_put_base64(w, hashes);
}
