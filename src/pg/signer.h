/*
 * signer.h
 *	  Ask the signer of its own process, over a Unix socket (doc/signer.md).
 *
 * Each call is one question.  Raises ERRCODE_CUSTODY_SIGNER_UNREACHABLE if no
 * answer comes in time, and else what the signer says.
 */
#ifndef CUSTODY_SIGNER_H
#define CUSTODY_SIGNER_H

#include "core/request.h"

/* Is there one, by custody.signer? */
extern bool custody_signer_used(void);
/* Keys and memory of a ledger; slices of *ring are palloc'd. */
extern void custody_signer_status(const char *ledger_id, cc_ring *ring);
/* The key of an epoch, made if there is none; its possession is proven. */
extern void custody_signer_key(const cc_request *request, cc_new_key *key);
/* The signed note, palloc'd; its signatures are the caller's to check. */
extern char *custody_signer_sign(const cc_request *request, Size *len);

#endif							/* CUSTODY_SIGNER_H */
