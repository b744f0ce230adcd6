/*
 * base64.c
 *	  Standard base64 with padding (RFC 4648 section 4), canonical only.
 *
 * Declared in bytes.h.
 */
#include "core/bytes.h"

static const char digits[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
cc_base64_encode(char *out, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t		i;

	for (i = 0; i < len; i += 3)
	{
		size_t		left = len - i;
		uint32_t	v = (uint32_t) p[i] << 16;

		if (left > 1)
			v |= (uint32_t) p[i + 1] << 8;
		if (left > 2)
			v |= p[i + 2];
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[v & 63] : '=';
	}
}

/* Value of a base64 digit, or -1. */
static int
digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/*
 * One group of four digits, of which the last 'padding' are '='.  The bits
 * that padding leaves over must be zero.  Returns false if it is not so.
 */
static bool
decode_group(uint32_t *out, const char *text, int padding)
{
	uint32_t	v = 0;
	int			i;

	for (i = 0; i < 4; i++)
	{
		int			d = i < 4 - padding ? digit_value(text[i]) : 0;

		if (d < 0)
			return false;
		v = v << 6 | (uint32_t) d;
	}
	*out = v;
	return (v & ((1u << (8 * padding)) - 1)) == 0;
}

/* Up to three bytes of a group to their place. */
static void
put_group(uint8_t *p, size_t left, uint32_t v)
{
	p[0] = (uint8_t) (v >> 16);
	if (left > 1)
		p[1] = (uint8_t) (v >> 8);
	if (left > 2)
		p[2] = (uint8_t) v;
}

/* out may be text itself: a group is read before its bytes are written. */
cc_status
cc_base64_decode(void *out, size_t out_cap, size_t *out_len,
				 const char *text, size_t len)
{
	uint8_t    *p = out;
	int			padding = 0;
	size_t		size;
	size_t		i;

	if (len % 4 != 0)
		return CC_E_FORM;
	while (padding < 2 && len > 0 && text[len - 1 - (size_t) padding] == '=')
		padding++;
	size = len / 4 * 3 - (size_t) padding;
	if (p != NULL && size > out_cap)
		return CC_E_SPACE;
	for (i = 0; i < len; i += 4)
	{
		uint32_t	v;

		if (!decode_group(&v, text + i, i + 4 == len ? padding : 0))
			return CC_E_FORM;
		if (p != NULL)
			put_group(p + i / 4 * 3, size - i / 4 * 3, v);
	}
	*out_len = size;
	return CC_OK;
}

cc_status
cc_base64_decode_fixed(void *out, size_t size, cc_slice text)
{
	size_t		n;
	cc_status	status;

	if (text.len != CC_BASE64_SIZE(size))
		return CC_E_FORM;
	status = cc_base64_decode(out, size, &n, (const char *) text.data,
							  text.len);
	return status == CC_OK && n == size ? CC_OK : CC_E_FORM;
}
