/*
 * merkle.c
 *	  RFC 6962 tree hashing; the frontier of an append-only tree.
 *
 * The one bits of a frontier's size, from the highest, are the sizes of its
 * perfect subtrees.  Adding a leaf merges as many of them as the size has
 * trailing one bits.
 */
#include "core/merkle.h"

#include <string.h>

void
cc_merkle_leaf(uint8_t out[CC_DIGEST_SIZE], const void *leaf, size_t len)
{
	cc_digest_prefixed(out, 0x00, leaf, len);
}

void
cc_merkle_node(uint8_t out[CC_DIGEST_SIZE],
			   const uint8_t left[CC_DIGEST_SIZE],
			   const uint8_t right[CC_DIGEST_SIZE])
{
	uint8_t		node[1 + 2 * CC_DIGEST_SIZE];

	node[0] = 0x01;
	memcpy(node + 1, left, CC_DIGEST_SIZE);
	memcpy(node + 1 + CC_DIGEST_SIZE, right, CC_DIGEST_SIZE);
	cc_digest(out, node, sizeof(node));
}

static int
count_ones(uint64_t v)
{
	int			n = 0;

	for (; v != 0; v &= v - 1)
		n++;
	return n;
}

void
cc_frontier_init(cc_frontier *f)
{
	memset(f, 0, sizeof(*f));
}

int
cc_frontier_count(const cc_frontier *f)
{
	return count_ones(f->size);
}

/* Merging comes before storing, so the node stored has room at any size. */
void
cc_frontier_append(cc_frontier *f, const uint8_t leaf_hash[CC_DIGEST_SIZE])
{
	int			n = cc_frontier_count(f);
	uint64_t	bits;
	uint8_t		node[CC_DIGEST_SIZE];

	memcpy(node, leaf_hash, CC_DIGEST_SIZE);
	for (bits = f->size; bits & 1; bits >>= 1)
		cc_merkle_node(node, f->nodes[--n], node);
	memcpy(f->nodes[n], node, CC_DIGEST_SIZE);
	f->size++;
}

void
cc_frontier_root(const cc_frontier *f, uint8_t out[CC_DIGEST_SIZE])
{
	int			n = cc_frontier_count(f);
	cc_sha256	h;

	if (n == 0)
	{
		cc_sha256_init(&h);
		cc_sha256_final(&h, out);
		return;
	}
	memcpy(out, f->nodes[--n], CC_DIGEST_SIZE);
	while (n > 0)
		cc_merkle_node(out, f->nodes[--n], out);
}

cc_status
cc_frontier_load(cc_frontier *f, uint64_t size, const void *nodes, size_t len)
{
	if (size > INT64_MAX)
		return CC_E_RANGE;
	if (len != (size_t) count_ones(size) * CC_DIGEST_SIZE)
		return CC_E_FORM;
	cc_frontier_init(f);
	f->size = size;
	if (len > 0)
		memcpy(f->nodes, nodes, len);
	return CC_OK;
}

void
cc_tile_root(uint8_t out[CC_DIGEST_SIZE], const uint8_t tile[CC_TILE_BYTES])
{
	uint8_t		nodes[CC_TILE_WIDTH / 2][CC_DIGEST_SIZE];
	int			width = CC_TILE_WIDTH / 2;
	int			i;

	for (i = 0; i < width; i++)
		cc_merkle_node(nodes[i], tile + 2 * i * CC_DIGEST_SIZE,
					   tile + (2 * i + 1) * CC_DIGEST_SIZE);
	while (width > 1)
	{
		width /= 2;
		for (i = 0; i < width; i++)
			cc_merkle_node(nodes[i], nodes[2 * i], nodes[2 * i + 1]);
	}
	memcpy(out, nodes[0], CC_DIGEST_SIZE);
}
