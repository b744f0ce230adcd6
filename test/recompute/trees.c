/*
 * trees.c
 *	  The core's proofs over the tree whose leaf i is the four bytes of i, for
 *	  trees.py to hold against its own.
 *
 *	  trees make	requests in, proofs out
 *	  trees check	requests with roots and proofs in, a status for each out
 *
 * A request is u8 kind (0 inclusion, 1 consistency), u64 index or old size,
 * u64 size; a proof is u8 n and n hashes.  Numbers are big-endian.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/proof.h"

#define LEAVES 65537
#define LEVELS 17				/* 2^16 leaves are the largest perfect tree */

typedef uint8_t hash_type[CC_DIGEST_SIZE];

typedef struct request
{
	uint8_t		kind;
	uint64_t	a;
	uint64_t	size;
} request;

/* Perfect subtrees of 2^level leaves, from the left. */
static hash_type *levels[LEVELS];

static void
grow(void)
{
	int			level;
	uint64_t	i;

	for (level = 0; level < LEVELS; level++)
	{
		uint64_t	n = LEAVES >> level;

		levels[level] = malloc(n * sizeof(hash_type));
		if (levels[level] == NULL)
			abort();
		for (i = 0; i < n; i++)
		{
			uint8_t		leaf[4];

			cc_store_u32(leaf, (uint32_t) i);
			if (level == 0)
				cc_merkle_leaf(levels[0][i], leaf, sizeof(leaf));
			else
				cc_merkle_node(levels[level][i], levels[level - 1][2 * i],
							   levels[level - 1][2 * i + 1]);
		}
	}
}

static void
subtree(hash_type out, cc_subtree node)
{
	int			level = 0;
	cc_subtree	left = {node.first, 1};
	cc_subtree	right;
	hash_type	a;
	hash_type	b;

	while (left.count * 2 <= node.count)
	{
		left.count *= 2;
		level++;
	}
	if (node.first % left.count != 0)
		abort();
	memcpy(a, levels[level][node.first >> level], sizeof(a));
	if (left.count == node.count)
	{
		memcpy(out, a, sizeof(a));
		return;
	}
	right.first = node.first + left.count;
	right.count = node.count - left.count;
	subtree(b, right);
	cc_merkle_node(out, a, b);
}

static void
take(void *out, size_t size)
{
	if (fread(out, 1, size, stdin) != size)
		abort();
}

static bool
next_request(request *r)
{
	int			kind = getchar();
	uint8_t		numbers[16];

	if (kind == EOF)
		return false;
	take(numbers, sizeof(numbers));
	r->kind = (uint8_t) kind;
	r->a = cc_load_u64(numbers);
	r->size = cc_load_u64(numbers + 8);
	return true;
}

static void
make(const request *r)
{
	cc_subtree	nodes[CC_PROOF_MAX];
	hash_type	hash;
	int			n;
	int			i;

	if ((r->kind == 0 ? cc_proof_inclusion_nodes(nodes, &n, r->a, r->size) :
		 cc_proof_consistency_nodes(nodes, &n, r->a, r->size)) != CC_OK)
		abort();
	putchar(n);
	for (i = 0; i < n; i++)
	{
		subtree(hash, nodes[i]);
		fwrite(hash, 1, sizeof(hash), stdout);
	}
}

/* Behind the request: leaf hash or old root, root, proof. */
static void
check(const request *r)
{
	hash_type	first;
	hash_type	root;
	hash_type	path[CC_PROOF_MAX];
	int			n;

	take(first, sizeof(first));
	take(root, sizeof(root));
	n = getchar();
	if (n < 0 || n > CC_PROOF_MAX)
		abort();
	take(path, (size_t) n * sizeof(hash_type));
	putchar(r->kind == 0 ?
			(int) cc_proof_check_inclusion((const hash_type *) path, n, first,
										   r->a, r->size, root) :
			(int) cc_proof_check_consistency((const hash_type *) path, n,
											 r->a, first, r->size, root));
}

int
main(int argc, char **argv)
{
	request		r;

	if (argc != 2 || (strcmp(argv[1], "make") != 0 &&
					  strcmp(argv[1], "check") != 0))
	{
		fprintf(stderr, "usage: trees make|check\n");
		return 2;
	}
	grow();
	while (next_request(&r))
	{
		if (argv[1][0] == 'm')
			make(&r);
		else
			check(&r);
	}
	return fflush(stdout) == 0 ? 0 : 2;
}
