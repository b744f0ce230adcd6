/*
 * test_proof.c
 *	  Proofs are those of RFC 9162, verify, and verify for nothing else.
 */
#include "core/proof.h"

#include "octets.h"
#include "tap.h"
#include "tree_reference.h"
#include "vectors.h"

#define SMALL 64

typedef uint8_t hash_type[CC_DIGEST_SIZE];

/* MTH of every interval asked for is recomputed; small trees only. */
static int
fetch(hash_type *out, const cc_subtree *nodes, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		reference_mth(out[i], nodes[i].first, nodes[i].count);
	return n;
}

static int
load_path(hash_type *out, const char *const *path, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		unhex(out[i], CC_DIGEST_SIZE, path[i]);
	return n;
}

static void
test_inclusion_vectors(void)
{
	int			failed = 0;
	int			i;

	for (i = 0; i < N_INCLUSION_VECTORS; i++)
	{
		uint64_t	index = inclusion_vectors[i].leaf_index;
		uint64_t	size = inclusion_vectors[i].tree_size;
		hash_type	path[8];
		hash_type	leaf;
		hash_type	root;
		int			n;

		n = load_path(path, inclusion_vectors[i].path, inclusion_vectors[i].n);
		unhex(leaf, sizeof(leaf), tree_leaf_hashes[index]);
		unhex(root, sizeof(root), tree_roots[size]);
		if (cc_proof_check_inclusion((const hash_type *) path, n, leaf, index,
									 size, root) != CC_OK)
			failed++;
	}
	ok(failed == 0, "%d published inclusion proofs", i);
}

static void
test_consistency_vectors(void)
{
	int			failed = 0;
	int			i;

	for (i = 0; i < N_CONSISTENCY_VECTORS; i++)
	{
		uint64_t	old_size = consistency_vectors[i].old_size;
		uint64_t	new_size = consistency_vectors[i].new_size;
		hash_type	path[8];
		hash_type	old_root;
		hash_type	new_root;
		int			n;

		n = load_path(path, consistency_vectors[i].path,
					  consistency_vectors[i].n);
		unhex(old_root, sizeof(old_root), tree_roots[old_size]);
		unhex(new_root, sizeof(new_root), tree_roots[new_size]);
		if (cc_proof_check_consistency((const hash_type *) path, n, old_size,
									   old_root, new_size,
									   new_root) != CC_OK)
			failed++;
	}
	ok(failed == 0, "%d published consistency proofs", i);
}

/* Built proof equals the definition's, and verifies. */
static bool
inclusion_holds(uint64_t index, uint64_t size)
{
	cc_subtree	nodes[CC_PROOF_MAX];
	hash_type	built[CC_PROOF_MAX];
	hash_type	want[CC_PROOF_MAX];
	hash_type	leaf;
	hash_type	root;
	int			n;

	if (cc_proof_inclusion_nodes(nodes, &n, index, size) != CC_OK)
		return false;
	fetch(built, nodes, n);
	if (reference_path(want, index, 0, size) != n ||
		memcmp(built, want, (size_t) n * CC_DIGEST_SIZE) != 0)
		return false;
	reference_leaf(leaf, index);
	reference_mth(root, 0, size);
	return cc_proof_check_inclusion((const hash_type *) built, n, leaf, index,
									size, root) == CC_OK;
}

static bool
consistency_holds(uint64_t old_size, uint64_t new_size)
{
	cc_subtree	nodes[CC_PROOF_MAX];
	hash_type	built[CC_PROOF_MAX];
	hash_type	want[CC_PROOF_MAX];
	hash_type	old_root;
	hash_type	new_root;
	int			n;

	if (cc_proof_consistency_nodes(nodes, &n, old_size, new_size) != CC_OK)
		return false;
	fetch(built, nodes, n);
	if (old_size > 0 &&
		(reference_subproof(want, old_size, 0, new_size, true) != n ||
		 memcmp(built, want, (size_t) n * CC_DIGEST_SIZE) != 0))
		return false;
	reference_mth(old_root, 0, old_size);
	reference_mth(new_root, 0, new_size);
	return cc_proof_check_consistency((const hash_type *) built, n, old_size,
									  old_root, new_size, new_root) == CC_OK;
}

static void
test_small_trees(void)
{
	uint64_t	size;
	uint64_t	i;
	int			failed = 0;

	for (size = 1; size <= SMALL; size++)
		for (i = 0; i < size; i++)
			failed += !inclusion_holds(i, size);
	ok(failed == 0, "every inclusion proof up to %d leaves", SMALL);
	failed = 0;
	for (size = 0; size <= SMALL; size++)
		for (i = 0; i <= size; i++)
			failed += !consistency_holds(i, size);
	ok(failed == 0, "every consistency proof up to %d leaves", SMALL);
}

/* A full tile more or less: every leaf and every smaller tree. */
static void
test_tile_edge(void)
{
	uint64_t	size;
	uint64_t	i;
	int			failed = 0;

	for (size = 255; size <= 257; size++)
	{
		for (i = 0; i < size; i++)
			failed += !inclusion_holds(i, size);
		for (i = 0; i <= size; i++)
			failed += !consistency_holds(i, size);
	}
	ok(failed == 0, "every proof of 255, 256 and 257 leaves");
}

/* A full tile of full tiles more or less. */
static void
test_second_edge(void)
{
	static const uint64_t sizes[] = {255, 256, 257, 65535, 65536, 65537};
	int			failed = 0;
	size_t		i;
	size_t		k;

	for (i = 3; i < 6; i++)
	{
		for (k = 0; k <= i; k++)
			failed += !consistency_holds(sizes[k], sizes[i]) +
				!inclusion_holds(sizes[k] - 1, sizes[i]);
		failed += !inclusion_holds(0, sizes[i]);
	}
	ok(failed == 0, "proofs of 65535, 65536 and 65537 leaves, pair by pair");
}

/* Nothing but the lengths can be checked at this size. */
static void
test_largest_tree(void)
{
	cc_subtree	nodes[CC_PROOF_MAX];
	uint64_t	most = INT64_MAX;
	int			n;

	ok(cc_proof_inclusion_nodes(nodes, &n, 0, most) == CC_OK && n == 63,
	   "the longest inclusion proof has 63 hashes");
	ok(cc_proof_consistency_nodes(nodes, &n, most / 2, most) == CC_OK &&
	   n <= 64, "a consistency proof of 2^63 - 1 leaves is bounded");
	ok(cc_proof_inclusion_nodes(nodes, &n, 0, most + 1) == CC_E_RANGE &&
	   cc_proof_consistency_nodes(nodes, &n, 1, most + 1) == CC_E_RANGE,
	   "2^63 leaves are out of range");
	ok(cc_proof_inclusion_nodes(nodes, &n, 5, 5) == CC_E_RANGE &&
	   cc_proof_inclusion_nodes(nodes, &n, 0, 0) == CC_E_RANGE,
	   "no leaf beyond the last");
	ok(cc_proof_consistency_nodes(nodes, &n, 6, 5) == CC_E_RANGE,
	   "no tree extends a larger one");
}

/* A valid inclusion proof, and its parts to spoil. */
typedef struct inclusion
{
	hash_type	path[CC_PROOF_MAX];
	int			n;
	hash_type	leaf;
	uint64_t	index;
	uint64_t	size;
	hash_type	root;
} inclusion;

static cc_status
check(const inclusion *p)
{
	return cc_proof_check_inclusion((const hash_type *) p->path, p->n,
									p->leaf, p->index, p->size, p->root);
}

static void
make(inclusion *p, uint64_t index, uint64_t size)
{
	memset(p, 0, sizeof(*p));
	p->index = index;
	p->size = size;
	p->n = reference_path(p->path, index, 0, size);
	reference_leaf(p->leaf, index);
	reference_mth(p->root, 0, size);
}

static void
test_inclusion_bits(void)
{
	inclusion	p;
	uint8_t    *path = (uint8_t *) p.path;
	int			accepted = 0;
	int			bit;

	make(&p, 5, 11);
	for (bit = 0; bit < p.n * CC_DIGEST_SIZE * 8; bit++)
	{
		path[bit / 8] ^= (uint8_t) (1 << bit % 8);
		accepted += check(&p) == CC_OK;
		path[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	for (bit = 0; bit < CC_DIGEST_SIZE * 8; bit++)
	{
		p.leaf[bit / 8] ^= (uint8_t) (1 << bit % 8);
		accepted += check(&p) == CC_OK;
		p.leaf[bit / 8] ^= (uint8_t) (1 << bit % 8);
		p.root[bit / 8] ^= (uint8_t) (1 << bit % 8);
		accepted += check(&p) == CC_OK;
		p.root[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	ok(accepted == 0 && check(&p) == CC_OK,
	   "inclusion: no flipped bit is accepted");
}

static void
test_inclusion_positions(void)
{
	inclusion	p;
	int			accepted = 0;

	make(&p, 5, 11);
	for (p.index = 0; p.index < 11; p.index++)
		accepted += p.index != 5 && check(&p) == CC_OK;
	ok(accepted == 0, "inclusion: at no other index");
	p.index = 11;
	ok(check(&p) == CC_E_RANGE, "inclusion: not beyond the tree");
	p.index = 5;
	p.size = 0;
	ok(check(&p) == CC_E_RANGE, "inclusion: not in the empty tree");
	p.size = UINT64_C(1) << 63;
	ok(check(&p) == CC_E_RANGE, "inclusion: not in a tree of 2^63");
}

static void
test_inclusion_lengths(void)
{
	inclusion	p;
	int			accepted = 0;
	int			n;

	make(&p, 5, 11);
	n = p.n;
	for (p.n = 0; p.n <= CC_PROOF_MAX; p.n++)
		accepted += p.n != n && check(&p) != CC_E_FORM;
	ok(accepted == 0, "inclusion: no other length");
	p.n = n;
	memmove(p.path[1], p.path[0], (size_t) (n - 1) * CC_DIGEST_SIZE);
	ok(check(&p) == CC_E_MISMATCH, "inclusion: no other order");
	make(&p, 5, 11);
	p.n--;
	memcpy(p.leaf, p.path[0], CC_DIGEST_SIZE);
	ok(check(&p) != CC_OK, "inclusion: a node does not pass for a leaf");
}

static cc_status
check_roots(hash_type *path, int n, const hash_type old_root,
			const hash_type new_root)
{
	return cc_proof_check_consistency((const hash_type *) path, n, 6,
									  old_root, 11, new_root);
}

static void
test_consistency_bits(void)
{
	hash_type	path[CC_PROOF_MAX];
	hash_type	old_root;
	hash_type	new_root;
	int			n = reference_subproof(path, 6, 0, 11, true);
	uint8_t    *bytes = (uint8_t *) path;
	int			accepted = 0;
	int			bit;

	reference_mth(old_root, 0, 6);
	reference_mth(new_root, 0, 11);
	for (bit = 0; bit < n * CC_DIGEST_SIZE * 8; bit++)
	{
		bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
		accepted += check_roots(path, n, old_root, new_root) == CC_OK;
		bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	for (bit = 0; bit < CC_DIGEST_SIZE * 8; bit++)
	{
		old_root[bit / 8] ^= (uint8_t) (1 << bit % 8);
		accepted += check_roots(path, n, old_root, new_root) == CC_OK;
		old_root[bit / 8] ^= (uint8_t) (1 << bit % 8);
		new_root[bit / 8] ^= (uint8_t) (1 << bit % 8);
		accepted += check_roots(path, n, old_root, new_root) == CC_OK;
		new_root[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	ok(accepted == 0, "consistency: no flipped bit is accepted");
}

static cc_status
check_sizes(uint64_t old_size, uint64_t new_size, int n)
{
	static hash_type path[CC_PROOF_MAX];
	hash_type	old_root;
	hash_type	new_root;

	reference_subproof(path, 6, 0, 11, true);
	reference_mth(old_root, 0, 6);
	reference_mth(new_root, 0, 11);
	return cc_proof_check_consistency((const hash_type *) path, n, old_size,
									  old_root, new_size, new_root);
}

/*
 * Hashes alone tell only how the old tree's edge lies in the new one, here
 * as for 3 in 5 to 8, doubled or not.  Sizes come from signed checkpoints.
 */
static bool
same_shape(uint64_t a, uint64_t b)
{
	return (a == 6 && b >= 9 && b <= 12) || (a == 3 && b >= 5 && b <= 8);
}

static void
test_consistency_sizes(void)
{
	hash_type	path[CC_PROOF_MAX];
	int			n = reference_subproof(path, 6, 0, 11, true);
	int			accepted = 0;
	uint64_t	a;
	uint64_t	b;

	for (a = 0; a <= 12; a++)
		for (b = 0; b <= 12; b++)
			accepted += !same_shape(a, b) && check_sizes(a, b, n) == CC_OK;
	ok(accepted == 0, "consistency: no sizes of another shape");
	ok(check_sizes(6, 11, n) == CC_OK, "consistency: the right sizes");
	accepted = 0;
	for (a = 0; a <= CC_PROOF_MAX; a++)
		accepted += (int) a != n && check_sizes(6, 11, (int) a) == CC_OK;
	ok(accepted == 0, "consistency: no other length");
	ok(check_sizes(11, 6, n) == CC_E_RANGE, "consistency: not backwards");
	ok(check_sizes(0, 11, 0) == CC_E_MISMATCH,
	   "consistency: the empty tree has its own root");
	ok(check_sizes(11, 11, 0) == CC_E_MISMATCH,
	   "consistency: equal sizes, other roots");
}

int
main(void)
{
	test_inclusion_vectors();
	test_consistency_vectors();
	test_small_trees();
	test_tile_edge();
	test_second_edge();
	test_largest_tree();
	test_inclusion_bits();
	test_inclusion_positions();
	test_inclusion_lengths();
	test_consistency_bits();
	test_consistency_sizes();
	return done_testing();
}
