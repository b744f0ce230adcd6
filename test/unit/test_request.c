/*
 * test_request.c
 *	  What a database asks its signer, the answers and the signer's memory: each
 *	  is read back as it was written, and no other form passes.
 */
#include "core/request.h"

#include "octets.h"
#include "tap.h"

#define ID "0a1b2c3d-0000-4000-8000-00000000000f"
#define HEAD "pg_custody signer v1\nledger " ID "\n"
#define CLUSTER "cluster 18446744073709551615 5 1\n"
#define ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define TEXT "a.example/log\n7\n" ROOT "\n"
#define EMPTY "a.example/log\n0\n" ROOT "\n"
#define LINE "\xE2\x80\x94 a.example/log AAAAAAAA\n"
#define SIGN HEAD "sign\n" CLUSTER "epoch 3\nhandover yes\nold 5\n" ROOT "\n\n" TEXT
#define KEY HEAD "key\n" CLUSTER "epoch 4294967295\norigin a.example/log\n"
#define VKEY "ledger.example/vectors+44abdeda+AQr2r+UdOOD2noZYeSeAAl6t/Notf9ewtowf6WOqnG3J"

static cc_request q;
static cc_ring ring;
static cc_memory memory;

static bool
request_holds(const char *text)
{
	char		out[CC_REQUEST_MAX + 1];

	return cc_request_parse(&q, text, strlen(text)) == CC_OK &&
		cc_request_format(out, &q) == strlen(text) && strcmp(out, text) == 0;
}

static bool
memory_holds(const char *text)
{
	char		out[CC_MEMORY_MAX + 1];

	return cc_memory_parse(&memory, text, strlen(text)) == CC_OK &&
		cc_memory_format(out, &memory) == strlen(text) && strcmp(out, text) == 0;
}

static bool
ring_holds(const char *text)
{
	return cc_ring_parse(&ring, (cc_slice) {(const uint8_t *) text, strlen(text)}) == CC_OK;
}

static bool
key_holds(const char *text)
{
	static cc_new_key k;

	return cc_new_key_parse(&k, (cc_slice) {(const uint8_t *) text, strlen(text)}) == CC_OK;
}

static void
test_requests(void)
{
	static const char *const wrong[] = {
		"", "\n", HEAD, HEAD "status", HEAD "status\n\n", HEAD "Status\n", HEAD "steal\n",
		"pg_custody signer v2\nledger " ID "\nstatus\n",
		"pg_custody signer v1\nledger 0A1b2c3d-0000-4000-8000-00000000000f\nstatus\n",
		"pg_custody signer v1\nledger 0a1b2c3d-0000-4000-8000-00000000000f0\nstatus\n",
		"pg_custody signer v1\nledger ../../../../../../../../../../../etc/\nstatus\n",
		HEAD "key\n" CLUSTER "epoch 0\norigin a.example/log\n",
		HEAD "key\n" CLUSTER "epoch 4294967296\norigin a.example/log\n",
		HEAD "key\n" CLUSTER "epoch 1\norigin /a\n",
		HEAD "key\n" CLUSTER "epoch 1\norigin a.example/log\nmore\n",
		HEAD "key\ncluster 1 2\nepoch 1\norigin a.example/log\n",
		HEAD "key\ncluster 1 2 3 4\nepoch 1\norigin a.example/log\n",
		HEAD "key\ncluster 01 2 3\nepoch 1\norigin a.example/log\n",
		HEAD "key\ncluster 18446744073709551616 2 3\nepoch 1\norigin a.example/log\n",
		HEAD "sign\n" CLUSTER "epoch 3\nhandover maybe\nold 5\n" ROOT "\n\n" TEXT,
		HEAD "sign\n" CLUSTER "epoch 3\nhandover yes\nold 5\n" ROOT "\n\n" TEXT "\n",
		HEAD "sign\n" CLUSTER "epoch 3\nhandover yes\nold 5\n" ROOT "\n\n" TEXT "\n" LINE,
		HEAD "sign\n" CLUSTER "epoch 3\nold 5\n" ROOT "\n\n" TEXT
	};
	bool		any = false;
	size_t		i;

	ok(request_holds(HEAD "status\n") && q.verb == CC_REQUEST_STATUS && strcmp(q.ledger_id, ID) == 0, "status");
	ok(request_holds(KEY) && q.epoch == UINT32_MAX && strcmp(q.origin, "a.example/log") == 0, "key");
	ok(request_holds(SIGN) && q.epoch == 3 && q.handover && q.proof.number == 5 && q.proof.nhashes == 1 &&
	   q.checkpoint.size == 7 && q.cluster.system_identifier == UINT64_MAX && q.cluster.timeline == 1, "sign");
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(cc_request_parse(&q, wrong[i], strlen(wrong[i])) != CC_OK, "wrong request %zu", i);
	for (i = 0; i < strlen(SIGN); i++)
	{
		char	   *cut = (char *) exact_copy(SIGN, i);

		any = any || cc_request_parse(&q, cut, i) == CC_OK;
		free(cut);
	}
	ok(!any, "no request that is cut short is one");
}

static void
test_memory(void)
{
	static const char *const wrong[] = {
		"", CLUSTER, CLUSTER "epoch 2\n", CLUSTER "epoch 2\n" TEXT, CLUSTER "epoch 0\n" EMPTY,
		CLUSTER "epoch 2\n" EMPTY "\n" LINE, CLUSTER "epoch 2\n" EMPTY "\n", CLUSTER TEXT "\n" LINE,
		CLUSTER "epoch 2\n" TEXT "\n"
	};
	size_t		i;

	ok(memory_holds(CLUSTER "epoch 2\n" EMPTY) && memory.checkpoint.size == 0, "nothing was signed");
	ok(memory_holds(CLUSTER "epoch 2\n" TEXT "\n" LINE) && memory.epoch == 2 && memory.checkpoint.nsignatures == 1,
	   "the last note");
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(!memory_holds(wrong[i]), "wrong memory %zu", i);
}

static void
test_replies(void)
{
	static const char *const wrong[] = {
		"", "keys 0 1\n", "keys 1 0\n", "keys 1 3\n", "keys 01 1\n", "keys 1\n", "keys 4294967295 1\n",
		"keys 1 1\ndamaged", "keys 1 1\nnothing\n"
	};
	cc_reply_kind kind;
	cc_slice	body;
	size_t		i;

	for (i = CC_REPLY_OK; i <= CC_REPLY_UNKNOWN; i++)
	{
		const char *head = cc_reply_head((cc_reply_kind) i);

		ok(cc_reply_parse(&kind, &body, head, strlen(head)) == CC_OK && (size_t) kind == i && body.len == 0,
		   "reply %zu", i);
		ok(cc_reply_parse(&kind, &body, head, strlen(head) - 1) != CC_OK, "reply %zu cut short", i);
	}
	ok(ring_holds("keys 0 0\n") && !ring.exists, "no keys, no memory");
	ok(ring_holds("keys 3 2\n" CC_RING_DAMAGED) && ring.first == 3 && ring.count == 2 && ring.damaged, "damaged");
	ok(ring_holds("keys 3 1\n" CLUSTER "epoch 3\n" EMPTY) && ring.exists && !ring.damaged, "keys and memory");
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(!ring_holds(wrong[i]), "wrong keys %zu", i);
	ok(key_holds(VKEY "\nAAAA\n"), "a new key");
	ok(!key_holds(VKEY "\nAAAA"), "cut short");
	ok(!key_holds(VKEY "\nAAA\n"), "possession not base64");
	ok(!key_holds("x" VKEY "\nAAAA\n"), "key id of another name");
}

int
main(void)
{
	test_requests();
	test_memory();
	test_replies();
	return done_testing();
}
