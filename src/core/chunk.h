/*
 * chunk.h
 *	  Entries as they are stored, several to a row: what cannot be derived.
 *
 *	chunk		 := stored entries, each with its length (varint) before it
 *	stored entry := u8 bits ‖ [head] ‖ [bytes committed part] ‖ rest
 *	head		 := u8 kind ‖ u8 flags ‖ varint relation ‖ varint version
 *	rest		 := private part of a row-level entry, body of another
 *
 * Bit 0: a head follows; else it is that of the entry before.  Bit 1: the
 * committed part of a row-level entry follows, because the private part does
 * not give it any more (erased, redacted).  A chunk never leaves the server:
 * what is hashed and exported is doc/format.md section 4.
 */
#ifndef CC_CHUNK_H
#define CC_CHUNK_H

#include "core/encode.h"

/* Most that stands before the rest of a stored entry without committed part. */
#define CC_STORED_PREFIX_MAX (CC_VARINT_MAX + 1 + 2 + 5 + 5)

typedef struct cc_stored
{
	cc_kind		kind;
	uint8_t		flags;
	uint32_t	relation;
	uint32_t	version;
	bool		explicit_part;	/* committed is given */
	cc_slice	committed;
	cc_slice	rest;
} cc_stored;

/* Write an entry; before: the one before it in the chunk, or NULL. */
extern void cc_write_stored(cc_writer *w, const cc_stored *before,
							const cc_stored *s);

/* Reads a chunk; heads carry over from entry to entry. */
typedef struct cc_chunk
{
	cc_reader	r;
	bool		have_head;
	cc_stored	head;			/* slices not used */
} cc_chunk;

extern void cc_chunk_init(cc_chunk *c, const void *data, size_t len);
/*
 * The next entry, as views into the chunk; false at the end and, with
 * c->r.status set, at bytes that are no entry.
 */
extern bool cc_chunk_next(cc_chunk *c, cc_stored *s);

#endif							/* CC_CHUNK_H */
