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

#define NO_DIGIT 64

/* Value of a base64 digit by character, or NO_DIGIT. */
static const uint8_t values[256] = {
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64, 64, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64,
	64,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 64,
	64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64
};

/*
 * One group of four digits, of which the last 'padding' are '='.  The bits
 * that padding leaves over must be zero.  Returns false if it is not so.
 */
static inline bool
decode_group(uint32_t *out, const char *text, int padding)
{
	uint32_t	a = values[(uint8_t) text[0]];
	uint32_t	b = values[(uint8_t) text[1]];
	uint32_t	c = padding > 1 ? 0 : values[(uint8_t) text[2]];
	uint32_t	d = padding > 0 ? 0 : values[(uint8_t) text[3]];
	uint32_t	v = a << 18 | b << 12 | c << 6 | d;

	*out = v;
	return ((a | b | c | d) & NO_DIGIT) == 0 &&
		(v & ((1u << (8 * padding)) - 1)) == 0;
}

/* out may be text itself: a group is read before its bytes are written. */
cc_status
cc_base64_decode(void *out, size_t out_cap, size_t *out_len,
				 const char *text, size_t len)
{
	uint8_t    *p = out;
	int			padding = 0;
	size_t		full;
	uint32_t	v;

	if (len % 4 != 0)
		return CC_E_FORM;
	while (padding < 2 && len > 0 && text[len - 1 - (size_t) padding] == '=')
		padding++;
	*out_len = len / 4 * 3 - (size_t) padding;
	if (p != NULL && *out_len > out_cap)
		return CC_E_SPACE;
	for (full = *out_len / 3; full > 0; full--, text += 4)
	{
		if (!decode_group(&v, text, 0))
			return CC_E_FORM;
		if (p == NULL)
			continue;
		*p++ = (uint8_t) (v >> 16);
		*p++ = (uint8_t) (v >> 8);
		*p++ = (uint8_t) v;
	}
	if (padding == 0)
		return CC_OK;
	if (!decode_group(&v, text, padding))
		return CC_E_FORM;
	if (p != NULL)
		*p++ = (uint8_t) (v >> 16);
	if (p != NULL && padding == 1)
		*p = (uint8_t) (v >> 8);
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
