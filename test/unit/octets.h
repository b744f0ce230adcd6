/*
 * octets.h
 *	  Bytes for unit tests: from hexadecimal, and in blocks of exact size, so
 *	  that a sanitizer sees a read beyond the end.
 */
#ifndef OCTETS_H
#define OCTETS_H

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

/* A copy in a block of its own; the caller frees it. */
static inline uint8_t *
exact_copy(const void *data, size_t len)
{
	uint8_t    *p = malloc(len == 0 ? 1 : len);

	if (p == NULL)
		abort();
	if (len > 0)
		memcpy(p, data, len);
	return p;
}

static inline int
hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *found = c == '\0' ? NULL : strchr(digits, c);

	if (found == NULL)
		abort();
	return (int) (found - digits);
}

/* Decode hexadecimal into out; returns the length, which must fit cap. */
static inline size_t
unhex(void *out, size_t cap, const char *hex)
{
	uint8_t    *p = out;
	size_t		n = strlen(hex) / 2;
	size_t		i;

	if (n > cap || strlen(hex) % 2 != 0)
		abort();
	for (i = 0; i < n; i++)
		p[i] = (uint8_t) (hex_digit(hex[2 * i]) << 4 |
						  hex_digit(hex[2 * i + 1]));
	return n;
}

static inline bool
is_hex(const void *data, size_t len, const char *hex)
{
	uint8_t		want[1024];

	return unhex(want, sizeof(want), hex) == len &&
		memcmp(want, data, len) == 0;
}

static inline cc_slice
text_slice(const char *text)
{
	cc_slice	s;

	s.data = (const uint8_t *) text;
	s.len = strlen(text);
	return s;
}

static inline bool
slice_is(cc_slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

#endif							/* OCTETS_H */
