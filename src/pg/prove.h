/*
 * prove.h
 *	  Proofs about the log: a leaf is in it, it only grew.
 */
#ifndef CUSTODY_PROVE_H
#define CUSTODY_PROVE_H

#include "lib/stringinfo.h"
#include "utils/snapshot.h"

#include "core/tlogproof.h"

/* A stored checkpoint, with the lines of trusted witnesses. */
typedef struct CustodySigned
{
	text	   *note;
	cc_checkpoint checkpoint;	/* points into note */
} CustodySigned;

/*
 * The checkpoint of a size, NULL = the latest, in the current context.  Raises
 * if nothing has been sealed, or if that size was not signed.
 */
extern CustodySigned *custody_prove_signed(const int64 *size, Snapshot snapshot);
/*
 * Hashes of the proof that a leaf is in the log of a checkpoint, into zeroed
 * *p.  Raises ERRCODE_CUSTODY_LEDGER_CORRUPTED if what is stored does not lead
 * to the signed root.
 */
extern void custody_prove_inclusion(cc_tlog_proof *p, uint64 leaf_index,
									const uint8 leaf_hash[CC_DIGEST_SIZE],
									const CustodySigned *signed_log, Snapshot snapshot);
/*
 * The same that the log only grew from one checkpoint to another; old_log NULL:
 * from nothing.
 */
extern void custody_prove_growth(cc_tlog_proof *p, const CustodySigned *old_log,
								 const CustodySigned *new_log, Snapshot snapshot);
/* Append the proof that a leaf is in the log of a checkpoint (section 9.1). */
extern void custody_prove_leaf(StringInfo out, uint64 leaf_index,
							   const uint8 leaf_hash[CC_DIGEST_SIZE],
							   const CustodySigned *signed_log, Snapshot snapshot);

#endif							/* CUSTODY_PROVE_H */
