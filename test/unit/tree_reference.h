/*
 * tree_reference.h
 *	  RFC 9162 section 2.1, word for word and slow: MTH, PATH and PROOF by
 *	  recursion over the list of leaves.  What the core is held against.
 */
#ifndef TREE_REFERENCE_H
#define TREE_REFERENCE_H

#include <string.h>

#include "core/proof.h"

/* Leaf d[i] is the four bytes of i. */
static inline void
reference_leaf(uint8_t out[CC_DIGEST_SIZE], uint64_t i)
{
	uint8_t		leaf[5];
	cc_sha256	h;

	leaf[0] = 0x00;
	cc_store_u32(leaf + 1, (uint32_t) i);
	cc_sha256_init(&h);
	cc_sha256_update(&h, leaf, sizeof(leaf));
	cc_sha256_final(&h, out);
}

/* The largest power of two smaller than n. */
static inline uint64_t
reference_k(uint64_t n)
{
	uint64_t	k = 1;

	while (2 * k < n)
		k = 2 * k;
	return k;
}

/* MTH(D[first:first + n]). */
static inline void
reference_mth(uint8_t out[CC_DIGEST_SIZE], uint64_t first, uint64_t n)
{
	static const uint8_t prefix = 0x01;
	uint8_t		left[CC_DIGEST_SIZE];
	uint8_t		right[CC_DIGEST_SIZE];
	cc_sha256	h;
	uint64_t	k;

	if (n == 1)
	{
		reference_leaf(out, first);
		return;
	}
	cc_sha256_init(&h);
	if (n > 1)
	{
		k = reference_k(n);
		reference_mth(left, first, k);
		reference_mth(right, first + k, n - k);
		cc_sha256_update(&h, &prefix, 1);
		cc_sha256_update(&h, left, CC_DIGEST_SIZE);
		cc_sha256_update(&h, right, CC_DIGEST_SIZE);
	}
	cc_sha256_final(&h, out);
}

/* PATH(m, D[first:first + n]); returns the number of hashes. */
static inline int
reference_path(uint8_t (*out)[CC_DIGEST_SIZE], uint64_t m, uint64_t first,
			   uint64_t n)
{
	uint64_t	k;
	int			count;

	if (n == 1)
		return 0;
	k = reference_k(n);
	if (m < k)
	{
		count = reference_path(out, m, first, k);
		reference_mth(out[count], first + k, n - k);
	}
	else
	{
		count = reference_path(out, m - k, first + k, n - k);
		reference_mth(out[count], first, k);
	}
	return count + 1;
}

/* SUBPROOF(m, D[first:first + n], b); returns the number of hashes. */
static inline int
reference_subproof(uint8_t (*out)[CC_DIGEST_SIZE], uint64_t m,
				   uint64_t first, uint64_t n, bool b)
{
	uint64_t	k;
	int			count;

	if (m == n)
	{
		if (b)
			return 0;
		reference_mth(out[0], first, n);
		return 1;
	}
	k = reference_k(n);
	if (m <= k)
	{
		count = reference_subproof(out, m, first, k, b);
		reference_mth(out[count], first + k, n - k);
	}
	else
	{
		count = reference_subproof(out, m - k, first + k, n - k, false);
		reference_mth(out[count], first, k);
	}
	return count + 1;
}

#endif							/* TREE_REFERENCE_H */
