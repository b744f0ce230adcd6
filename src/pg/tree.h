/*
 * tree.h
 *	  Appending leaves to the stored tree: positions, full tiles, frontier.
 */
#ifndef CUSTODY_TREE_H
#define CUSTODY_TREE_H

#include "core/merkle.h"
#include "pg/catalog.h"

typedef struct CustodyTree
{
	cc_frontier frontier;
	CustodyAppend leaves;
	uint8		tile[CC_TILE_BYTES];	/* the incomplete tile of leaf hashes */
} CustodyTree;

/* What log_leaf says of a transaction beside its leaf hash. */
typedef struct CustodyTreeLeaf
{
	int64		txn_no;
	uint64		xact_id;
	uint8		root[CC_DIGEST_SIZE];
	const uint8 *marks;			/* NULL: elsewhere */
	Size		marks_len;
} CustodyTreeLeaf;

/* Continue from a frontier. */
extern void custody_tree_open(CustodyTree *tree, const cc_frontier *frontier);
/* Append a leaf; leaf NULL for a block header. */
extern void custody_tree_append(CustodyTree *tree, const CustodyTreeLeaf *leaf,
								const uint8 leaf_hash[CC_DIGEST_SIZE]);
extern void custody_tree_close(CustodyTree *tree);

#endif							/* CUSTODY_TREE_H */
