/*
 * proof.h
 *	  Inclusion and consistency proofs, RFC 9162 sections 2.1.3 and 2.1.4.
 *
 * Building takes two steps so that the core never calls back: first
 * cc_proof_*_nodes lists the subtrees whose hashes the proof needs, in proof
 * order; the caller fetches the hashes of those subtrees, which *are* the
 * proof.  Checking is a pure function of the proof.
 */
#ifndef CC_PROOF_H
#define CC_PROOF_H

#include "core/merkle.h"

#define CC_PROOF_MAX 128

/* The subtree over leaves [first, first + count). */
typedef struct cc_subtree
{
	uint64_t	first;
	uint64_t	count;
} cc_subtree;

extern cc_status cc_proof_inclusion_nodes(cc_subtree out[CC_PROOF_MAX], int *n,
										  uint64_t index, uint64_t size) CC_CHECK_RESULT;
extern cc_status cc_proof_consistency_nodes(cc_subtree out[CC_PROOF_MAX], int *n,
											uint64_t old_size, uint64_t new_size) CC_CHECK_RESULT;
/* CC_OK, CC_E_RANGE (index, size), CC_E_FORM (length), CC_E_MISMATCH. */
extern cc_status cc_proof_check_inclusion(const uint8_t (*proof)[CC_DIGEST_SIZE], int n,
										  const uint8_t leaf_hash[CC_DIGEST_SIZE],
										  uint64_t index, uint64_t size,
										  const uint8_t root[CC_DIGEST_SIZE]) CC_CHECK_RESULT;
extern cc_status cc_proof_check_consistency(const uint8_t (*proof)[CC_DIGEST_SIZE], int n,
											uint64_t old_size, const uint8_t old_root[CC_DIGEST_SIZE],
											uint64_t new_size, const uint8_t new_root[CC_DIGEST_SIZE]) CC_CHECK_RESULT;

#endif							/* CC_PROOF_H */
