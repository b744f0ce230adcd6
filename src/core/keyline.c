/*
 * keyline.c
 *	  Lines of the key history beside the tiles.
 *
 * Canonical: what cc_key_line_format() writes is all that is accepted.
 */
#include "core/keyline.h"

#include <string.h>

/* The next word, which a space ends; empty if none does. */
static cc_slice
next_word(const char **line, size_t *len)
{
	const char *space = memchr(*line, ' ', *len);
	cc_slice	word = {NULL, 0};

	if (space == NULL)
		return word;
	word.data = (const uint8_t *) *line;
	word.len = (size_t) (space - *line);
	*len -= word.len + 1;
	*line = space + 1;
	return word;
}

/* A size, or '-' for 0. */
static cc_status
parse_size(uint64_t *out, cc_slice word)
{
	cc_status	status;

	*out = 0;
	if (word.len == 1 && word.data[0] == '-')
		return CC_OK;
	status = cc_decimal_parse(out, (const char *) word.data, word.len);
	if (status == CC_OK && *out == 0)
		return CC_E_VALUE;
	return status;
}

cc_status
cc_key_line_parse(cc_key_line *out, const char *line, size_t len)
{
	cc_slice	words[3];
	uint64_t	epoch = 0;
	cc_status	status;
	int			i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < 3; i++)
	{
		words[i] = next_word(&line, &len);
		if (words[i].len == 0)
			return CC_E_FORM;
	}
	status = cc_decimal_parse(&epoch, (const char *) words[0].data, words[0].len);
	if (status == CC_OK)
		status = parse_size(&out->first, words[1]);
	if (status == CC_OK)
		status = parse_size(&out->last, words[2]);
	if (status != CC_OK)
		return status;
	if (epoch == 0 || epoch > UINT32_MAX || (out->last != 0 && (out->first == 0 || out->last < out->first)))
		return CC_E_VALUE;
	out->epoch = (uint32_t) epoch;
	return cc_vkey_parse(&out->key, line, len);
}

static size_t
format_size(char *out, uint64_t size)
{
	if (size > 0)
		return cc_decimal_format(out, size);
	out[0] = '-';
	return 1;
}

size_t
cc_key_line_format(char out[CC_KEY_LINE_MAX + 1], const cc_key_line *line)
{
	size_t		n = cc_decimal_format(out, line->epoch);

	out[n++] = ' ';
	n += format_size(out + n, line->first);
	out[n++] = ' ';
	n += format_size(out + n, line->last);
	out[n++] = ' ';
	cc_vkey_format(out + n, &line->key);
	n += strlen(out + n);
	out[n++] = '\n';
	out[n] = '\0';
	return n;
}
