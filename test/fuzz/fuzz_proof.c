/*
 * fuzz_proof.c
 *	  Proofs of any numbers and hashes: two numbers, two hashes, then the
 *	  path.  Lists of nodes stay within bounds and cover the tree.
 */
#include "core/proof.h"

#include "fuzz.h"

/* An inclusion proof's subtrees are all the leaves but the one. */
static void
fuzz_nodes(uint64_t a, uint64_t b)
{
	cc_subtree	nodes[CC_PROOF_MAX];
	uint64_t	covered = 1;
	int			n;
	int			i;

	if (cc_proof_inclusion_nodes(nodes, &n, a, b) == CC_OK)
	{
		for (i = 0; i < n; i++)
			covered += nodes[i].count;
		if (covered != b)
			abort();
	}
	if (cc_proof_consistency_nodes(nodes, &n, a, b) == CC_OK && n > 64)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t path[CC_PROOF_MAX][CC_DIGEST_SIZE];
	size_t		n = len < 80 ? 0 : (len - 80) / CC_DIGEST_SIZE;
	uint64_t	a;
	uint64_t	b;

	if (len < 80 || n > CC_PROOF_MAX)
		return 0;
	a = cc_load_u64(data);
	b = cc_load_u64(data + 8);
	if (n > 0)
		memcpy(path, data + 80, n * CC_DIGEST_SIZE);
	fuzz_nodes(a, b);
	(void) !cc_proof_check_inclusion((const uint8_t (*)[CC_DIGEST_SIZE]) path,
									 (int) n, data + 16, a, b, data + 48);
	(void) !cc_proof_check_consistency((const uint8_t (*)[CC_DIGEST_SIZE]) path,
									   (int) n, a, data + 16, b, data + 48);
	return 0;
}
