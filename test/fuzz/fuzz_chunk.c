/*
 * fuzz_chunk.c
 *	  Any bytes as a chunk of stored entries, and as an open record.
 */
#include "core/chunk.h"

#include <stdlib.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[1 << 16];
	static const uint8_t root[CC_DIGEST_SIZE];
	cc_chunk	chunk;
	cc_stored	before;
	cc_stored	s;
	cc_writer	w;
	bool		first = true;

	cc_chunk_init(&chunk, data, size);
	cc_writer_init(&w, out, sizeof(out));
	while (cc_chunk_next(&chunk, &s))
	{
		cc_write_stored(&w, first ? NULL : &before, &s);
		before = s;
		first = false;
	}
	/* Heads may repeat; what is written is never longer. */
	if (chunk.r.status == CC_OK && w.status == CC_OK && w.len > size)
		abort();
	cc_writer_init(&w, out, sizeof(out));
	if (cc_record_seal(&w, data, size, root) == CC_OK &&
		w.len != size + 2 + CC_DIGEST_SIZE)
		abort();
	return 0;
}
