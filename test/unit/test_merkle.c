/*
 * test_merkle.c
 *	  Roots against published vectors and the recursive definition.
 */
#include "core/merkle.h"

#include "octets.h"
#include "tap.h"
#include "tree_reference.h"
#include "vectors.h"

static void
test_vectors(void)
{
	cc_frontier f;
	uint8_t		leaf[64];
	uint8_t		hash[CC_DIGEST_SIZE];
	uint8_t		root[CC_DIGEST_SIZE];
	size_t		len;
	int			i;

	cc_frontier_init(&f);
	cc_frontier_root(&f, root);
	ok(is_hex(root, sizeof(root), tree_roots[0]), "root of the empty tree");
	for (i = 0; i < N_TREE_LEAVES; i++)
	{
		len = unhex(leaf, sizeof(leaf), tree_leaves[i]);
		cc_merkle_leaf(hash, leaf, len);
		ok(is_hex(hash, sizeof(hash), tree_leaf_hashes[i]), "leaf %d", i);
		cc_frontier_append(&f, hash);
		cc_frontier_root(&f, root);
		ok(is_hex(root, sizeof(root), tree_roots[i + 1]),
		   "root of %d leaves", i + 1);
	}
}

static bool
size_is_checked(uint64_t size)
{
	return size <= 64 || (size >= 255 && size <= 257) ||
		(size >= 65535 && size <= 65537);
}

/* The stored form loads into the same tree. */
static bool
reloads(const cc_frontier *f, const uint8_t root[CC_DIGEST_SIZE])
{
	cc_frontier g;
	uint8_t		again[CC_DIGEST_SIZE];

	if (cc_frontier_load(&g, f->size, f->nodes,
						 (size_t) cc_frontier_count(f) *
						 CC_DIGEST_SIZE) != CC_OK)
		return false;
	cc_frontier_root(&g, again);
	return memcmp(root, again, CC_DIGEST_SIZE) == 0;
}

static void
test_reference(void)
{
	cc_frontier f;
	uint8_t		hash[CC_DIGEST_SIZE];
	uint8_t		root[CC_DIGEST_SIZE];
	int			failed = 0;
	int			checked = 0;

	cc_frontier_init(&f);
	for (;; cc_frontier_append(&f, hash))
	{
		if (size_is_checked(f.size))
		{
			reference_mth(hash, 0, f.size);
			cc_frontier_root(&f, root);
			if (memcmp(hash, root, CC_DIGEST_SIZE) != 0 || !reloads(&f, root))
				failed++;
			checked++;
		}
		if (f.size == 65537)
			break;
		reference_leaf(hash, f.size);
	}
	ok(failed == 0, "%d roots are those of the definition", checked);
}

static void
test_tile(void)
{
	static uint8_t tile[CC_TILE_BYTES];
	uint8_t		root[CC_DIGEST_SIZE];
	uint8_t		want[CC_DIGEST_SIZE];
	uint64_t	i;

	for (i = 0; i < CC_TILE_WIDTH; i++)
		reference_leaf(tile + i * CC_DIGEST_SIZE, i);
	reference_mth(want, 0, CC_TILE_WIDTH);
	cc_tile_root(root, tile);
	ok(memcmp(root, want, CC_DIGEST_SIZE) == 0, "root of a tile");
}

static void
test_load(void)
{
	static uint8_t nodes[64 * CC_DIGEST_SIZE];
	uint8_t		hash[CC_DIGEST_SIZE] = {0};
	cc_frontier f;

	ok(cc_frontier_load(&f, 0, NULL, 0) == CC_OK, "an empty tree has no node");
	ok(cc_frontier_load(&f, 3, nodes, 32) == CC_E_FORM, "a node too few");
	ok(cc_frontier_load(&f, 3, nodes, 96) == CC_E_FORM, "a node too many");
	ok(cc_frontier_load(&f, 3, nodes, 65) == CC_E_FORM, "a byte too many");
	ok(cc_frontier_load(&f, UINT64_C(1) << 63, nodes, 32) == CC_E_RANGE,
	   "2^63 leaves are too many");
	ok(cc_frontier_load(&f, INT64_MAX, nodes, 63 * 32) == CC_OK &&
	   cc_frontier_count(&f) == 63, "2^63 - 1 leaves are not");
	cc_frontier_append(&f, hash);
	ok(cc_frontier_count(&f) == 1, "one leaf more stays within bounds");
}

static void
test_leaf_is_no_node(void)
{
	uint8_t		pair[2 * CC_DIGEST_SIZE] = {1, 2, 3};
	uint8_t		leaf[CC_DIGEST_SIZE];
	uint8_t		node[CC_DIGEST_SIZE];

	cc_merkle_leaf(leaf, pair, sizeof(pair));
	cc_merkle_node(node, pair, pair + CC_DIGEST_SIZE);
	ok(memcmp(leaf, node, CC_DIGEST_SIZE) != 0,
	   "a leaf of two hashes is not their node");
}

int
main(void)
{
	test_vectors();
	test_reference();
	test_tile();
	test_load();
	test_leaf_is_no_node();
	return done_testing();
}
