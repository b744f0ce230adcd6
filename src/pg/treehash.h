/*
 * treehash.h
 *	  Hashes of subtrees of the log, read from what is stored.
 */
#ifndef CUSTODY_TREEHASH_H
#define CUSTODY_TREEHASH_H

#include "utils/snapshot.h"

#include "core/proof.h"

typedef struct CustodyTreeHash CustodyTreeHash;

/* Begin reading under a snapshot; lives in the current memory context. */
extern CustodyTreeHash *custody_treehash_begin(Snapshot snapshot);
/*
 * Hash of a subtree.  Raises ERRCODE_CUSTODY_LEDGER_CORRUPTED if a leaf is
 * missing.
 */
extern void custody_treehash_get(CustodyTreeHash *t, const cc_subtree *subtree,
								 uint8 out[CC_DIGEST_SIZE]);
/* Root of a perfect tree over n hashes, n a power of two up to 256. */
extern void custody_treehash_fold(uint8 out[CC_DIGEST_SIZE],
								  const uint8 *hashes, int n);

#endif							/* CUSTODY_TREEHASH_H */
