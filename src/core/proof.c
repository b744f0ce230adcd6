/*
 * proof.c
 *	  Inclusion and consistency proofs, RFC 9162 sections 2.1.3 and 2.1.4.
 *
 * The listing functions walk from the root down and so meet the subtrees in
 * reverse order; every step at least halves the tree or drops its largest
 * power of two, so 64 subtrees are never exceeded.
 */
#include "core/proof.h"

#include <string.h>

/* Largest power of two smaller than n; n > 1. */
static uint64_t
split(uint64_t n)
{
	uint64_t	k = 1;

	while (k < n - k)
		k <<= 1;
	return k;
}

static void
push(cc_subtree *out, int *n, uint64_t first, uint64_t count)
{
	out[*n].first = first;
	out[*n].count = count;
	(*n)++;
}

static void
reverse(cc_subtree *out, int n)
{
	int			i;

	for (i = 0; i < n / 2; i++)
	{
		cc_subtree	t = out[i];

		out[i] = out[n - 1 - i];
		out[n - 1 - i] = t;
	}
}

cc_status
cc_proof_inclusion_nodes(cc_subtree out[CC_PROOF_MAX], int *n,
						 uint64_t index, uint64_t size)
{
	uint64_t	first = 0;
	uint64_t	count = size;

	*n = 0;
	if (size > INT64_MAX || index >= size)
		return CC_E_RANGE;
	while (count > 1)
	{
		uint64_t	k = split(count);

		if (index - first < k)
		{
			push(out, n, first + k, count - k);
			count = k;
		}
		else
		{
			push(out, n, first, k);
			first += k;
			count -= k;
		}
	}
	reverse(out, *n);
	return CC_OK;
}

/* The subtree that ends the walk is left out while it is the old tree. */
cc_status
cc_proof_consistency_nodes(cc_subtree out[CC_PROOF_MAX], int *n,
						   uint64_t old_size, uint64_t new_size)
{
	uint64_t	first = 0;
	uint64_t	count = new_size;

	*n = 0;
	if (new_size > INT64_MAX || old_size > new_size)
		return CC_E_RANGE;
	if (old_size == 0)
		return CC_OK;
	while (first + count != old_size)
	{
		uint64_t	k = split(count);

		if (old_size - first <= k)
		{
			push(out, n, first + k, count - k);
			count = k;
		}
		else
		{
			push(out, n, first, k);
			first += k;
			count -= k;
		}
	}
	if (first != 0)
		push(out, n, first, count);
	reverse(out, *n);
	return CC_OK;
}

/* RFC 9162 section 2.1.3.2. */
cc_status
cc_proof_check_inclusion(const uint8_t (*proof)[CC_DIGEST_SIZE], int n,
						 const uint8_t leaf_hash[CC_DIGEST_SIZE],
						 uint64_t index, uint64_t size,
						 const uint8_t root[CC_DIGEST_SIZE])
{
	uint64_t	fn = index;
	uint64_t	sn = size - 1;
	uint8_t		r[CC_DIGEST_SIZE];
	int			i;

	if (size > INT64_MAX || index >= size)
		return CC_E_RANGE;
	memcpy(r, leaf_hash, CC_DIGEST_SIZE);
	for (i = 0; i < n; i++)
	{
		if (sn == 0)
			return CC_E_FORM;
		if ((fn & 1) == 0 && fn != sn)
			cc_merkle_node(r, r, proof[i]);
		else
		{
			cc_merkle_node(r, proof[i], r);
			while ((fn & 1) == 0 && fn != 0)
			{
				fn >>= 1;
				sn >>= 1;
			}
		}
		fn >>= 1;
		sn >>= 1;
	}
	if (sn != 0)
		return CC_E_FORM;
	return cc_equal(r, root, CC_DIGEST_SIZE) ? CC_OK : CC_E_MISMATCH;
}

/*
 * Cases the RFC leaves out: equal sizes, and the empty old tree, which every
 * tree extends.  The proof is then empty.
 */
static cc_status
check_trivial(int n, uint64_t old_size,
			  const uint8_t old_root[CC_DIGEST_SIZE], uint64_t new_size,
			  const uint8_t new_root[CC_DIGEST_SIZE])
{
	uint8_t		empty[CC_DIGEST_SIZE];
	cc_frontier f;

	if (n != 0)
		return CC_E_FORM;
	cc_frontier_init(&f);
	cc_frontier_root(&f, empty);
	if (old_size == 0 && !cc_equal(old_root, empty, CC_DIGEST_SIZE))
		return CC_E_MISMATCH;
	if (old_size == new_size && !cc_equal(old_root, new_root, CC_DIGEST_SIZE))
		return CC_E_MISMATCH;
	return CC_OK;
}

/* The loop of RFC 9162 section 2.1.4.2; fr and sr hold the first node. */
static cc_status
fold_consistency(const uint8_t (*proof)[CC_DIGEST_SIZE], int n,
				 uint64_t fn, uint64_t sn,
				 uint8_t fr[CC_DIGEST_SIZE], uint8_t sr[CC_DIGEST_SIZE])
{
	int			i;

	for (i = 0; i < n; i++)
	{
		if (sn == 0)
			return CC_E_FORM;
		if ((fn & 1) != 0 || fn == sn)
		{
			cc_merkle_node(fr, proof[i], fr);
			cc_merkle_node(sr, proof[i], sr);
			while ((fn & 1) == 0 && fn != 0)
			{
				fn >>= 1;
				sn >>= 1;
			}
		}
		else
			cc_merkle_node(sr, sr, proof[i]);
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 ? CC_OK : CC_E_FORM;
}

cc_status
cc_proof_check_consistency(const uint8_t (*proof)[CC_DIGEST_SIZE], int n,
						   uint64_t old_size,
						   const uint8_t old_root[CC_DIGEST_SIZE],
						   uint64_t new_size,
						   const uint8_t new_root[CC_DIGEST_SIZE])
{
	uint8_t		fr[CC_DIGEST_SIZE];
	uint8_t		sr[CC_DIGEST_SIZE];
	uint64_t	fn = old_size - 1;
	uint64_t	sn = new_size - 1;
	bool		perfect = (old_size & (old_size - 1)) == 0;
	cc_status	status;

	if (new_size > INT64_MAX || old_size > new_size)
		return CC_E_RANGE;
	if (old_size == 0 || old_size == new_size)
		return check_trivial(n, old_size, old_root, new_size, new_root);
	if (n < 1)
		return CC_E_FORM;
	for (; fn & 1; fn >>= 1)
		sn >>= 1;
	/* A perfect old tree is itself the first node. */
	memcpy(fr, perfect ? old_root : proof[0], CC_DIGEST_SIZE);
	memcpy(sr, fr, CC_DIGEST_SIZE);
	if (perfect)
		status = fold_consistency(proof, n, fn, sn, fr, sr);
	else
		status = fold_consistency(proof + 1, n - 1, fn, sn, fr, sr);
	if (status != CC_OK)
		return status;
	if (!cc_equal(fr, old_root, CC_DIGEST_SIZE) ||
		!cc_equal(sr, new_root, CC_DIGEST_SIZE))
		return CC_E_MISMATCH;
	return CC_OK;
}
