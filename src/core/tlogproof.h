/*
 * tlogproof.h
 *	  C2SP texts around proofs: tlog-proof and the add-checkpoint body
 *	  (doc/format.md sections 9.1 and 9.3).
 */
#ifndef CC_TLOGPROOF_H
#define CC_TLOGPROOF_H

#include "core/checkpoint.h"
#include "core/proof.h"

/* Both texts: a number, hashes, and a checkpoint to the end. */
typedef struct cc_tlog_proof
{
	uint64_t	number;			/* leaf index, or old size */
	int			nhashes;
	uint8_t		hashes[CC_FRONTIER_MAX + 1][CC_DIGEST_SIZE];
	cc_slice	note;			/* points into the text that was parsed */
} cc_tlog_proof;

/* Room for everything but the note. */
#define CC_TLOG_PROOF_MAX (64 + 20 + (CC_FRONTIER_MAX + 1) * 45)

/* Strict parse; a view of the note is left for cc_checkpoint_parse. */
extern cc_status cc_tlog_proof_parse(cc_tlog_proof *p, const char *text, size_t len) CC_CHECK_RESULT;
/* All lines up to and with the empty one; the caller appends the note.
 * Returns the length, NUL-terminates. */
extern size_t cc_tlog_proof_format(char out[CC_TLOG_PROOF_MAX + 1], const cc_tlog_proof *p);
/* Is the leaf at p->number in the checkpoint's tree? */
extern cc_status cc_tlog_proof_check(const cc_tlog_proof *p, const cc_checkpoint *c,
									 const uint8_t leaf_hash[CC_DIGEST_SIZE]) CC_CHECK_RESULT;

/* The same for "old N" and a consistency proof. */
extern cc_status cc_add_checkpoint_parse(cc_tlog_proof *p, const char *text, size_t len) CC_CHECK_RESULT;
extern size_t cc_add_checkpoint_format(char out[CC_TLOG_PROOF_MAX + 1], const cc_tlog_proof *p);
extern cc_status cc_add_checkpoint_check(const cc_tlog_proof *p, const cc_checkpoint *c,
										 const uint8_t old_root[CC_DIGEST_SIZE]) CC_CHECK_RESULT;

#endif							/* CC_TLOGPROOF_H */
