/*
 * bundle.c
 *	  Lines of a ledger bundle.
 */
#include <string.h>

#include "core/bundle.h"

typedef struct word
{
	const char *text;			/* with the space that follows */
	size_t		len;
} word;

static const word words[] = {
	{"leaf ", 5},
	{"entry ", 6},
	{"checkpoint ", 11}
};

/* Decode a field in place; every field of a bundle holds at least a byte. */
static cc_status
field_decode(cc_slice *out, char *text, size_t len)
{
	size_t		n;
	cc_status	status;

	if (len == 0)
		return CC_E_FORM;
	status = cc_base64_decode(text, len, &n, text, len);
	if (status != CC_OK)
		return status;
	out->data = (const uint8_t *) text;
	out->len = n;
	return CC_OK;
}

static cc_status
entry_parse(cc_bundle_line *out, char *text, size_t len)
{
	char	   *space = memchr(text, ' ', len);
	size_t		first;
	size_t		second;
	cc_status	status;

	if (space == NULL)
		return CC_E_TRUNCATED;
	first = (size_t) (space - text);
	second = len - first - 1;
	status = field_decode(&out->first, text, first);
	if (status != CC_OK)
		return status;
	if (second == 1 && space[1] == '-')
		return CC_OK;
	return field_decode(&out->second, space + 1, second);
}

cc_status
cc_bundle_parse(cc_bundle_line *out, char *line, size_t len)
{
	int			kind;

	memset(out, 0, sizeof(*out));
	for (kind = CC_BUNDLE_LEAF; kind <= CC_BUNDLE_CHECKPOINT; kind++)
	{
		const word *w = &words[kind];

		if (len < w->len || memcmp(line, w->text, w->len) != 0)
			continue;
		out->kind = (cc_bundle_kind) kind;
		if (kind == CC_BUNDLE_ENTRY)
			return entry_parse(out, line + w->len, len - w->len);
		return field_decode(&out->first, line + w->len, len - w->len);
	}
	return CC_E_FORM;
}

size_t
cc_bundle_line_size(cc_bundle_kind kind, size_t first, size_t second)
{
	size_t		n = words[kind].len + CC_BASE64_SIZE(first) + 1;

	if (kind == CC_BUNDLE_ENTRY)
		n += 1 + (second == 0 ? 1 : CC_BASE64_SIZE(second));
	return n;
}

void
cc_bundle_format(char *out, const cc_bundle_line *line)
{
	const word *w = &words[line->kind];

	memcpy(out, w->text, w->len);
	out += w->len;
	cc_base64_encode(out, line->first.data, line->first.len);
	out += CC_BASE64_SIZE(line->first.len);
	if (line->kind == CC_BUNDLE_ENTRY)
	{
		*out++ = ' ';
		if (line->second.len == 0)
			*out++ = '-';
		else
		{
			cc_base64_encode(out, line->second.data, line->second.len);
			out += CC_BASE64_SIZE(line->second.len);
		}
	}
	*out = '\n';
}
