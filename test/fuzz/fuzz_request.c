/*
 * fuzz_request.c
 *	  What databases and signers say to each other, and the signer's memory:
 *	  what parses is written back byte for byte.
 */
#include "core/request.h"

#include "fuzz.h"

static void
must_equal(const char *written, size_t n, const char *in, size_t len)
{
	if (n != len || memcmp(written, in, len) != 0)
		abort();
}

static void
take_request(const char *in, size_t len)
{
	static cc_request q;
	static char out[CC_REQUEST_MAX + 1];

	if (cc_request_parse(&q, in, len) == CC_OK)
		must_equal(out, cc_request_format(out, &q), in, len);
}

static void
take_memory(const char *in, size_t len)
{
	static cc_memory m;
	static char out[CC_MEMORY_MAX + 1];

	if (cc_memory_parse(&m, in, len) == CC_OK)
		must_equal(out, cc_memory_format(out, &m), in, len);
}

static void
take_cluster(const char *in, size_t len)
{
	char		out[CC_CLUSTER_LINE_MAX + 1];
	cc_cluster	cluster;
	cc_writer	w;

	if (cc_cluster_parse(&cluster, (cc_slice) {(const uint8_t *) in, len}) != CC_OK)
		return;
	cc_writer_init(&w, out, sizeof(out));
	cc_cluster_write(&w, &cluster);
	if (w.status != CC_OK)
		abort();
	must_equal(out, w.len - 1, in, len);
}

static void
take_text(const char *in, size_t len)
{
	static cc_checkpoint c;
	char		out[CC_CHECKPOINT_TEXT_MAX + 1];

	if (cc_checkpoint_text_parse(&c, in, len) == CC_OK)
		must_equal(out, cc_checkpoint_text(out, c.origin, c.size, c.root), in, len);
}

static void
take_ring(cc_slice body)
{
	static cc_ring ring;
	static char out[CC_REPLY_MAX + 1];
	cc_writer	w;

	if (cc_ring_parse(&ring, body) != CC_OK)
		return;
	cc_writer_init(&w, out, sizeof(out));
	cc_ring_write_keys(&w, &ring);
	if (ring.damaged)
		cc_write_raw(&w, CC_RING_DAMAGED, strlen(CC_RING_DAMAGED));
	else if (ring.exists)
		w.len += cc_memory_format(out + w.len, &ring.memory);
	must_equal(out, w.len, (const char *) body.data, body.len);
}

static void
take_key(cc_slice body)
{
	static cc_new_key k;
	static char out[CC_REPLY_MAX + 1];
	cc_writer	w;

	if (cc_new_key_parse(&k, body) != CC_OK)
		return;
	cc_writer_init(&w, out, sizeof(out));
	cc_new_key_write(&w, &k);
	must_equal(out, w.len, (const char *) body.data, body.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char	   *in = (char *) exact_copy(data, len);
	cc_reply_kind kind;
	cc_slice	body;

	take_request(in, len);
	take_memory(in, len);
	take_cluster(in, len);
	take_text(in, len);
	if (cc_reply_parse(&kind, &body, in, len) == CC_OK)
	{
		if (strncmp(in, cc_reply_head(kind), strlen(cc_reply_head(kind))) != 0)
			abort();
		take_ring(body);
		take_key(body);
	}
	free(in);
	return 0;
}
