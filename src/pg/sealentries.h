/*
 * sealentries.h
 *	  A transaction becomes a leaf: what its entries commit to is computed,
 *	  hashed and made easy to find.
 */
#ifndef CUSTODY_SEALENTRIES_H
#define CUSTODY_SEALENTRIES_H

#include "pg/lookuprun.h"
#include "pg/pickup.h"
#include "pg/tree.h"

/* The first bytes of an entry's hash, to tell which entry was altered. */
#define CUSTODY_MARK_SIZE 4
/* Marks of so many entries stand in log_leaf, of more in log_subtree. */
#define CUSTODY_LEAF_MARKS CC_TILE_WIDTH
/* Entries under one row of log_subtree. */
#define CUSTODY_SUBTREE_ENTRIES (CC_TILE_WIDTH * CC_TILE_WIDTH)

typedef struct CustodySealer CustodySealer;

/* Lives in the current context; reads under the active snapshot. */
extern CustodySealer *custody_sealer_begin(CustodyTree *tree, CustodyLookupWriter *lookups);
/* Append the transaction's leaf to the tree. */
extern void custody_sealer_transaction(CustodySealer *sealer, const CustodyPicked *picked);
extern void custody_sealer_end(CustodySealer *sealer);
/* Add the lookup numbers of every sealed entry; lookups only. */
extern void custody_sealer_collect(CustodyLookupWriter *lookups);

#endif							/* CUSTODY_SEALENTRIES_H */
