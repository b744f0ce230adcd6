/*
 * entrytree.h
 *	  Proofs in the level-1 tree: an entry is one of its transaction's.
 */
#ifndef CUSTODY_ENTRYTREE_H
#define CUSTODY_ENTRYTREE_H

#include "utils/snapshot.h"

#include "core/encode.h"
#include "core/proof.h"

/*
 * Inclusion proof of an entry, given its leaf hash, under its transaction's
 * record; returns the number of hashes.  path has room for CC_FRONTIER_MAX + 1.
 * Raises ERRCODE_CUSTODY_LEDGER_CORRUPTED if what is stored does not lead to
 * the root in the record.
 */
extern int custody_entrytree_prove(uint8 (*path)[CC_DIGEST_SIZE], int64 txn_no,
								   uint64 entry_no,
								   const uint8 entry_hash[CC_DIGEST_SIZE],
								   const cc_record *record, Snapshot snapshot);

#endif							/* CUSTODY_ENTRYTREE_H */
