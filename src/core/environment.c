/*
 * environment.c
 *	  Environment fingerprint.
 */
#include "core/environment.h"

#include <string.h>

#define FINGERPRINT_PREFIX 0x1A

int
cc_environment_compare(cc_slice a, cc_slice b)
{
	size_t		len = a.len < b.len ? a.len : b.len;
	int			order = len == 0 ? 0 : memcmp(a.data, b.data, len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

void
cc_environment_begin(cc_environment *e, uint32_t count)
{
	uint8_t		head[1 + 4];

	head[0] = FINGERPRINT_PREFIX;
	cc_store_u32(head + 1, count);
	e->count = count;
	cc_sha256_init(&e->hash);
	cc_sha256_update(&e->hash, head, sizeof(head));
}

static void
add_text(cc_environment *e, cc_slice text)
{
	uint8_t		bytes[CC_VARINT_MAX];
	cc_writer	w;

	cc_writer_init(&w, bytes, sizeof(bytes));
	cc_write_varint(&w, text.len);
	cc_sha256_update(&e->hash, bytes, w.len);
	cc_sha256_update(&e->hash, text.data, text.len);
}

void
cc_environment_add(cc_environment *e, cc_slice name, cc_slice text)
{
	add_text(e, name);
	add_text(e, text);
}

void
cc_environment_end(cc_environment *e, uint8_t out[CC_DIGEST_SIZE])
{
	cc_sha256_final(&e->hash, out);
	if (e->count == 0)
		memset(out, 0, CC_DIGEST_SIZE);
}
