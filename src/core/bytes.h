/*
 * bytes.h
 *	  Bounded reader and writer with a sticky error; base64.
 *
 * doc/format.md section 1.  After the first failure a reader yields zeros
 * and a writer drops bytes; the caller checks the status once at the end.
 * A writer whose buffer is NULL only counts, so a caller can size first.
 */
#ifndef CC_BYTES_H
#define CC_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct cc_slice
{
	const uint8_t *data;
	size_t		len;
} cc_slice;

typedef struct cc_reader
{
	const uint8_t *data;
	size_t		len;
	size_t		pos;
	cc_status	status;
} cc_reader;

typedef struct cc_writer
{
	uint8_t    *data;			/* NULL: count only */
	size_t		cap;
	size_t		len;			/* bytes written, or that would have been */
	cc_status	status;
} cc_writer;

#define CC_VARINT_MAX 10

extern void cc_reader_init(cc_reader *r, const void *data, size_t len);
extern uint8_t cc_read_u8(cc_reader *r);
extern uint16_t cc_read_u16(cc_reader *r);
extern uint32_t cc_read_u32(cc_reader *r);
extern uint64_t cc_read_u64(cc_reader *r);
extern uint64_t cc_read_varint(cc_reader *r);
/* A view of len bytes of the input, or an empty slice on failure. */
extern cc_slice cc_read_raw(cc_reader *r, size_t len);
/* Copy len bytes of the input; on failure out keeps what it held. */
extern void cc_read_copy(cc_reader *r, void *out, size_t len);
/* varint length, then a view of that many bytes. */
extern cc_slice cc_read_bytes(cc_reader *r);
/* The next line of a text without its LF; fails if no LF follows. */
extern cc_slice cc_read_line(cc_reader *r);
/* Sticky status, or CC_E_TRAILING when input is left over. */
extern cc_status cc_reader_end(const cc_reader *r) CC_CHECK_RESULT;
/* Record a failure found by the caller; the first one stays. */
extern void cc_reader_fail(cc_reader *r, cc_status status);

extern void cc_writer_init(cc_writer *w, void *data, size_t cap);
extern void cc_write_u8(cc_writer *w, uint8_t v);
extern void cc_write_u16(cc_writer *w, uint16_t v);
extern void cc_write_u32(cc_writer *w, uint32_t v);
extern void cc_write_u64(cc_writer *w, uint64_t v);
extern void cc_write_varint(cc_writer *w, uint64_t v);
extern void cc_write_raw(cc_writer *w, const void *data, size_t len);
extern void cc_write_bytes(cc_writer *w, const void *data, size_t len);

extern void cc_store_u16(uint8_t out[2], uint16_t v);
extern void cc_store_u32(uint8_t out[4], uint32_t v);
extern void cc_store_u64(uint8_t out[8], uint64_t v);
extern uint32_t cc_load_u32(const uint8_t in[4]);
extern uint64_t cc_load_u64(const uint8_t in[8]);
/* Length in bytes of v as a varint. */
extern size_t cc_varint_size(uint64_t v);

/* Characters that len bytes take in padded base64, no terminator. */
#define CC_BASE64_SIZE(len) ((((len) + 2) / 3) * 4)
/* Writes exactly CC_BASE64_SIZE(len) characters, no terminator. */
extern void cc_base64_encode(char *out, const void *data, size_t len);
/*
 * Canonical padded base64 only; *out_len is of use on success.  Without an out
 * the text is only looked at, whatever its length.
 */
extern cc_status cc_base64_decode(void *out, size_t out_cap, size_t *out_len,
								  const char *text, size_t len) CC_CHECK_RESULT;
/* The same for base64 of exactly size bytes. */
extern cc_status cc_base64_decode_fixed(void *out, size_t size,
										cc_slice text) CC_CHECK_RESULT;
/* Decimal without sign or leading zero, at most 2^63 - 1. */
extern cc_status cc_decimal_parse(uint64_t *out, const char *text, size_t len) CC_CHECK_RESULT;
/* Writes at most CC_DECIMAL_MAX characters, no terminator; returns how many. */
#define CC_DECIMAL_MAX 20
extern size_t cc_decimal_format(char *out, uint64_t v);

#endif							/* CC_BYTES_H */
