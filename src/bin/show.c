/*
 * show.c
 *	  Text of a stranger's on a terminal or in JSON.
 *
 * Values come from whoever wrote the database: no control character, no
 * change of writing direction and no byte that is not UTF-8 is ever printed
 * as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "verify.h"

/* Bytes of a UTF-8 character that begins so, or 0. */
static size_t
utf8_length(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xC0 || first >= 0xF8)
		return 0;
	return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* Bytes of the UTF-8 character at p, or 0 if there is none. */
static size_t
utf8_char(const uint8_t *p, size_t len, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t		n = utf8_length(p[0]);
	size_t		i;

	if (n == 0 || n > len)
		return 0;
	*c = n == 1 ? p[0] : p[0] & (0xFFu >> (n + 1));
	for (i = 1; i < n; i++)
	{
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3F);
	}
	if (*c < least[n] || *c > 0x10FFFF || (*c >= 0xD800 && *c <= 0xDFFF))
		return 0;
	return n;
}

static bool
utf8_valid(cc_slice s)
{
	uint32_t	c;
	size_t		i;
	size_t		n;

	for (i = 0; i < s.len; i += n)
	{
		n = utf8_char(s.data + i, s.len - i, &c);
		if (n == 0)
			return false;
	}
	return true;
}

/* Controls, line and paragraph separators, marks of writing direction. */
static bool
draws(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x61C ||
		(c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
		(c >= 0x2066 && c <= 0x2069) || c == 0xFEFF ||
		(c >= 0xE0000 && c <= 0xE007F);
}

static void
put_char(const uint8_t *p, size_t n, uint32_t c)
{
	if (c == '"' || c == '\\')
		printf("\\%c", (char) c);
	else if (c == '\n')
		fputs("\\n", stdout);
	else if (c == '\t')
		fputs("\\t", stdout);
	else if (c > 0xFFFF && draws(c))
		printf("\\u%04" PRIx32 "\\u%04" PRIx32,
			   0xD7C0 + (c >> 10), 0xDC00 + (c & 0x3FF));
	else if (draws(c))
		printf("\\u%04" PRIx32, c);
	else
		(void) fwrite(p, 1, n, stdout);
}

/* Between double quotes; a byte that is not UTF-8 as prefix and two digits. */
static void
put_quoted(cc_slice s, const char *prefix)
{
	uint32_t	c = 0;
	size_t		i;
	size_t		n;

	(void) putchar('"');
	for (i = 0; i < s.len; i += n)
	{
		n = utf8_char(s.data + i, s.len - i, &c);
		if (n > 0)
			put_char(s.data + i, n, c);
		else
		{
			printf("%s%02x", prefix, s.data[i]);
			n = 1;
		}
	}
	(void) putchar('"');
}

void
show_text(cc_slice s)
{
	put_quoted(s, "\\x");
}

void
show_json_name(cc_slice s)
{
	put_quoted(s, "\\\\x");
}

static void
put_hex(const uint8_t *data, size_t len)
{
	size_t		i;

	for (i = 0; i < len; i++)
		printf("%02x", data[i]);
}

void
show_json_text(cc_slice s)
{
	if (utf8_valid(s))
		put_quoted(s, "");
	else
	{
		fputs("{\"hex\": \"", stdout);
		put_hex(s.data, s.len);
		fputs("\"}", stdout);
	}
}

void
show_json_string(const char *text)
{
	cc_slice	s;

	s.data = (const uint8_t *) text;
	s.len = strlen(text);
	show_json_text(s);
}

void
show_json_number(bool given, uint64_t number)
{
	if (given)
		printf("%" PRIu64, number);
	else
		fputs("null", stdout);
}

/* Lower case, digits and underscores: what SQL takes without quotes. */
static bool
plain_name(cc_slice s)
{
	size_t		i;

	if (s.len == 0 || (s.data[0] >= '0' && s.data[0] <= '9'))
		return false;
	for (i = 0; i < s.len; i++)
	{
		uint8_t		c = s.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
			return false;
	}
	return true;
}

void
show_name(cc_slice s)
{
	if (plain_name(s))
		(void) fwrite(s.data, 1, s.len, stdout);
	else
		show_text(s);
}

void
show_file(cc_slice s)
{
	size_t		i;

	for (i = 0; i < s.len; i++)
	{
		if (s.data[i] <= ' ' || s.data[i] > '~' || s.data[i] == '"' || s.data[i] == '\\')
		{
			show_text(s);
			return;
		}
	}
	(void) fwrite(s.data, 1, s.len, stdout);
}

/* Append a name as SQL has it; returns the end. */
static uint8_t *
quote_name(uint8_t *out, cc_slice s)
{
	bool		plain = plain_name(s);
	size_t		i;

	if (!plain)
		*out++ = '"';
	for (i = 0; i < s.len; i++)
	{
		if (s.data[i] == '"')
			*out++ = '"';
		*out++ = s.data[i];
	}
	if (!plain)
		*out++ = '"';
	return out;
}

void
show_json_table(cc_slice schema, cc_slice table)
{
	uint8_t    *name = allocate(NULL, 2 * (schema.len + table.len) + 5, 1);
	uint8_t    *end = quote_name(name, schema);
	cc_slice	s;

	*end++ = '.';
	end = quote_name(end, table);
	s.data = name;
	s.len = (size_t) (end - name);
	show_json_name(s);
	free(name);
}

void
show_value(const cc_value *v)
{
	cc_slice	s;

	if (v->form == CC_VALUE_NULL)
		fputs("NULL", stdout);
	else if (v->form == CC_VALUE_REFERENCE)
	{
		printf("<%" PRIu64 " bytes, digest ", v->len);
		put_hex(v->digest, sizeof(v->digest));
		(void) putchar('>');
	}
	else
	{
		s.data = v->data;
		s.len = (size_t) v->len;
		show_text(s);
	}
}

void
show_json_value(const cc_value *v)
{
	cc_slice	s;

	if (v->form == CC_VALUE_NULL)
		fputs("null", stdout);
	else if (v->form == CC_VALUE_REFERENCE)
	{
		printf("{\"length\": %" PRIu64 ", \"digest\": \"", v->len);
		put_hex(v->digest, sizeof(v->digest));
		fputs("\"}", stdout);
	}
	else
	{
		s.data = v->data;
		s.len = (size_t) v->len;
		show_json_text(s);
	}
}

/* Proleptic Gregorian, after the days since 0000-03-01. */
void
show_time(int64_t micros)
{
	int64_t		seconds = micros / 1000000 - (micros % 1000000 < 0);
	int64_t		days = seconds / 86400 - (seconds % 86400 < 0);
	int			second = (int) (seconds - days * 86400);
	int64_t		z = days + 719468;
	int64_t		era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t		doe = z - era * 146097;
	int64_t		yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t		doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t		mp = (5 * doy + 2) / 153;
	int64_t		month = mp < 10 ? mp + 3 : mp - 9;

	printf("%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02d:%02d:%02d.%06dZ",
		   yoe + era * 400 + (month <= 2), month, doy - (153 * mp + 2) / 5 + 1,
		   second / 3600, second / 60 % 60, second % 60,
		   (int) (micros - seconds * 1000000));
}
