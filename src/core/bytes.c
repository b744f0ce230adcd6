/*
 * bytes.c
 *	  Bounded reader and writer with a sticky error; base64; decimals.
 *
 * Positions never exceed lengths, so "len - pos" cannot wrap.  No function
 * here does arithmetic on, or passes to memcpy(), a null pointer.
 */
#include "core/bytes.h"

#include <string.h>

void
cc_reader_init(cc_reader *r, const void *data, size_t len)
{
	r->data = data;
	r->len = data == NULL ? 0 : len;
	r->pos = 0;
	r->status = CC_OK;
}

void
cc_reader_fail(cc_reader *r, cc_status status)
{
	if (r->status == CC_OK)
		r->status = status;
}

cc_status
cc_reader_end(const cc_reader *r)
{
	if (r->status != CC_OK)
		return r->status;
	return r->pos == r->len ? CC_OK : CC_E_TRAILING;
}

/* The next len bytes, or NULL after recording the failure. */
static const uint8_t *
take(cc_reader *r, size_t len)
{
	const uint8_t *p;

	if (r->status == CC_OK && len > r->len - r->pos)
		r->status = CC_E_TRUNCATED;
	if (r->status != CC_OK || r->data == NULL)
		return NULL;
	p = r->data + r->pos;
	r->pos += len;
	return p;
}

uint8_t
cc_read_u8(cc_reader *r)
{
	const uint8_t *p = take(r, 1);

	return p == NULL ? 0 : p[0];
}

uint16_t
cc_read_u16(cc_reader *r)
{
	const uint8_t *p = take(r, 2);

	return p == NULL ? 0 : (uint16_t) ((p[0] << 8) | p[1]);
}

uint32_t
cc_read_u32(cc_reader *r)
{
	const uint8_t *p = take(r, 4);

	return p == NULL ? 0 : cc_load_u32(p);
}

uint64_t
cc_read_u64(cc_reader *r)
{
	const uint8_t *p = take(r, 8);

	return p == NULL ? 0 : cc_load_u64(p);
}

/*
 * Unsigned LEB128.  A last byte of zero after others means the number was not
 * in its shortest form; the tenth byte has room for one bit only.
 */
uint64_t
cc_read_varint(cc_reader *r)
{
	uint64_t	v;
	int			i;

	v = cc_read_u8(r);
	if (v < 0x80)
		return v;
	v &= 0x7F;
	for (i = 1; i < CC_VARINT_MAX; i++)
	{
		uint8_t		b = cc_read_u8(r);

		if (r->status != CC_OK)
			return 0;
		if (i == CC_VARINT_MAX - 1 && b > 1)
			break;
		v |= (uint64_t) (b & 0x7F) << (7 * i);
		if (b < 0x80)
		{
			if (b == 0)
				break;
			return v;
		}
	}
	cc_reader_fail(r, CC_E_FORM);
	return 0;
}

cc_slice
cc_read_raw(cc_reader *r, size_t len)
{
	cc_slice	s = {NULL, 0};
	const uint8_t *p = take(r, len);

	if (p != NULL)
	{
		s.data = p;
		s.len = len;
	}
	return s;
}

void
cc_read_copy(cc_reader *r, void *out, size_t len)
{
	const uint8_t *p = take(r, len);

	if (p != NULL)
		memcpy(out, p, len);
}

cc_slice
cc_read_bytes(cc_reader *r)
{
	uint64_t	len = cc_read_varint(r);

	if (r->status == CC_OK && len > r->len - r->pos)
		r->status = CC_E_TRUNCATED;
	return cc_read_raw(r, r->status == CC_OK ? (size_t) len : 0);
}

cc_slice
cc_read_line(cc_reader *r)
{
	const uint8_t *end = NULL;
	cc_slice	line = {NULL, 0};

	if (r->status == CC_OK && r->pos < r->len)
		end = memchr(r->data + r->pos, '\n', r->len - r->pos);
	if (end == NULL)
		cc_reader_fail(r, CC_E_TRUNCATED);
	else
	{
		line = cc_read_raw(r, (size_t) (end - (r->data + r->pos)));
		(void) cc_read_u8(r);
	}
	return line;
}

void
cc_writer_init(cc_writer *w, void *data, size_t cap)
{
	w->data = data;
	w->cap = data == NULL ? SIZE_MAX : cap;
	w->len = 0;
	w->status = CC_OK;
}

/* Where the next len bytes go; NULL if there is no room, or for counting. */
static uint8_t *
reserve(cc_writer *w, size_t len)
{
	uint8_t    *p;

	if (w->status == CC_OK && len > w->cap - w->len)
		w->status = CC_E_SPACE;
	if (w->status != CC_OK)
		return NULL;
	p = w->data == NULL ? NULL : w->data + w->len;
	w->len += len;
	return p;
}

void
cc_write_raw(cc_writer *w, const void *data, size_t len)
{
	uint8_t    *p = reserve(w, len);

	if (p != NULL && len > 0)
		memcpy(p, data, len);
}

void
cc_write_u8(cc_writer *w, uint8_t v)
{
	uint8_t    *p = reserve(w, 1);

	if (p != NULL)
		*p = v;
}

void
cc_write_u16(cc_writer *w, uint16_t v)
{
	uint8_t    *p = reserve(w, 2);

	if (p != NULL)
		cc_store_u16(p, v);
}

void
cc_write_u32(cc_writer *w, uint32_t v)
{
	uint8_t    *p = reserve(w, 4);

	if (p != NULL)
		cc_store_u32(p, v);
}

void
cc_write_u64(cc_writer *w, uint64_t v)
{
	uint8_t    *p = reserve(w, 8);

	if (p != NULL)
		cc_store_u64(p, v);
}

void
cc_write_varint(cc_writer *w, uint64_t v)
{
	uint8_t    *p = reserve(w, cc_varint_size(v));

	if (p == NULL)
		return;
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t) (v | 0x80);
	*p = (uint8_t) v;
}

void
cc_write_bytes(cc_writer *w, const void *data, size_t len)
{
	cc_write_varint(w, len);
	cc_write_raw(w, data, len);
}

void
cc_store_u16(uint8_t out[2], uint16_t v)
{
	out[0] = (uint8_t) (v >> 8);
	out[1] = (uint8_t) v;
}

void
cc_store_u32(uint8_t out[4], uint32_t v)
{
	cc_store_u16(out, (uint16_t) (v >> 16));
	cc_store_u16(out + 2, (uint16_t) v);
}

void
cc_store_u64(uint8_t out[8], uint64_t v)
{
	cc_store_u32(out, (uint32_t) (v >> 32));
	cc_store_u32(out + 4, (uint32_t) v);
}

uint32_t
cc_load_u32(const uint8_t in[4])
{
	return (uint32_t) in[0] << 24 | (uint32_t) in[1] << 16 |
		(uint32_t) in[2] << 8 | (uint32_t) in[3];
}

uint64_t
cc_load_u64(const uint8_t in[8])
{
	return (uint64_t) cc_load_u32(in) << 32 | cc_load_u32(in + 4);
}

size_t
cc_varint_size(uint64_t v)
{
	size_t		n = 1;

	while (v >= 0x80)
	{
		v >>= 7;
		n++;
	}
	return n;
}

cc_status
cc_decimal_parse(uint64_t *out, const char *text, size_t len)
{
	uint64_t	v = 0;
	size_t		i;

	/* 19 digits cannot overflow 64 bits. */
	if (len == 0 || len > 19 || (len > 1 && text[0] == '0'))
		return CC_E_FORM;
	for (i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return CC_E_FORM;
		v = v * 10 + (uint64_t) (text[i] - '0');
	}
	if (v > INT64_MAX)
		return CC_E_VALUE;
	*out = v;
	return CC_OK;
}

size_t
cc_decimal_format(char *out, uint64_t v)
{
	char		reversed[CC_DECIMAL_MAX];
	size_t		n = 0;
	size_t		i;

	do
	{
		reversed[n++] = (char) ('0' + v % 10);
		v /= 10;
	} while (v > 0);
	for (i = 0; i < n; i++)
		out[i] = reversed[n - 1 - i];
	return n;
}
