/*
 * tree.h
 *	  Appending leaves to the stored tree: positions, full tiles, frontier.
 */
#ifndef CUSTODY_TREE_H
#define CUSTODY_TREE_H

#include "core/merkle.h"

typedef struct CustodyTree
{
	cc_frontier frontier;
	uint8		tile[CC_TILE_BYTES];	/* the incomplete tile of leaf hashes */
} CustodyTree;

/* Continue from a frontier. */
extern void custody_tree_open(CustodyTree *tree, const cc_frontier *frontier);
/* Append a leaf; txn_no NULL for a block header. */
extern void custody_tree_append(CustodyTree *tree, const int64 *txn_no,
								const uint8 leaf_hash[CC_DIGEST_SIZE]);

#endif							/* CUSTODY_TREE_H */
