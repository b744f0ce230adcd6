/*
 * merkle.h
 *	  RFC 6962 / RFC 9162 section 2.1 tree hashing with SHA-256: leaf and node
 *	  hash, the frontier of an append-only tree, its root.
 */
#ifndef CC_MERKLE_H
#define CC_MERKLE_H

#include "core/digest.h"

#define CC_FRONTIER_MAX 63		/* sizes below 2^63 */
#define CC_TILE_HEIGHT 8
#define CC_TILE_WIDTH 256
#define CC_TILE_BYTES (CC_TILE_WIDTH * CC_DIGEST_SIZE)

/* Roots of the perfect subtrees from the left, largest first: popcount(size). */
typedef struct cc_frontier
{
	uint64_t	size;
	uint8_t		nodes[CC_FRONTIER_MAX][CC_DIGEST_SIZE];
} cc_frontier;

extern void cc_merkle_leaf(uint8_t out[CC_DIGEST_SIZE], const void *leaf, size_t len);
extern void cc_merkle_node(uint8_t out[CC_DIGEST_SIZE],
						   const uint8_t left[CC_DIGEST_SIZE],
						   const uint8_t right[CC_DIGEST_SIZE]);
extern void cc_frontier_init(cc_frontier *f);
extern void cc_frontier_append(cc_frontier *f, const uint8_t leaf_hash[CC_DIGEST_SIZE]);
extern void cc_frontier_root(const cc_frontier *f, uint8_t out[CC_DIGEST_SIZE]);
/* Number of nodes, popcount(size). */
extern int	cc_frontier_count(const cc_frontier *f);
/* Stored form: the nodes alone, 32 bytes each; the size is kept beside it. */
extern cc_status cc_frontier_load(cc_frontier *f, uint64_t size,
								  const void *nodes, size_t len) CC_CHECK_RESULT;
/* Root of a perfect subtree of 256 hashes: what the tile above stores. */
extern void cc_tile_root(uint8_t out[CC_DIGEST_SIZE], const uint8_t tile[CC_TILE_BYTES]);

#endif							/* CC_MERKLE_H */
