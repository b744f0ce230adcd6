/*
 * name.c
 *	  Key names of a signed note (C2SP signed-note).
 *
 * Declared in sigcheck.h.
 */
#include "core/sigcheck.h"

/* Unicode's White_Space property beyond ASCII. */
static bool
is_unicode_space(uint32_t c)
{
	return c == 0x85 || c == 0xA0 || c == 0x1680 ||
		(c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
		c == 0x202F || c == 0x205F || c == 0x3000;
}

/*
 * Decode one UTF-8 character of more than one byte (RFC 3629).  Returns its
 * length in bytes, or 0 if it is malformed.
 */
static size_t
decode_utf8(uint32_t *out, const uint8_t *p, size_t len)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t		n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
	uint32_t	c;
	size_t		i;

	if (p[0] < 0xC2 || p[0] > 0xF4 || n > len)
		return 0;
	c = p[0] & (0x7Fu >> n);
	for (i = 1; i < n; i++)
	{
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3Fu);
	}
	if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	*out = c;
	return n;
}

bool
cc_name_valid(const char *name, size_t len)
{
	const uint8_t *p = (const uint8_t *) name;
	size_t		i = 0;

	if (len == 0 || len > CC_ORIGIN_MAX)
		return false;
	while (i < len)
	{
		uint32_t	c = p[i];
		size_t		n = 1;

		if (c >= 0x80)
			n = decode_utf8(&c, p + i, len - i);
		if (n == 0 || c <= ' ' || c == '+' || c == 0x7F || is_unicode_space(c))
			return false;
		i += n;
	}
	return true;
}
