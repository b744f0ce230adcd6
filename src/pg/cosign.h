/*
 * cosign.h
 *	  This database as a witness of other logs (C2SP tlog-witness).
 */
#ifndef CUSTODY_COSIGN_H
#define CUSTODY_COSIGN_H

#include "core/checkpoint.h"

/* Raise ERRCODE_CUSTODY_WITNESS_MALFORMED if a request is too long to be one. */
extern void custody_cosign_check_length(Size len);

/* The witness's key if it is made and in use, palloc'd, or NULL. */
extern char *custody_cosign_known_key(void);

/*
 * For a process set up by custody_worker_connect(), outside any transaction.
 * False if the extension is not installed.
 *
 * custody_cosign: the signature line for an add-checkpoint body, after what it
 * says is durable.  Raises one of ERRCODE_CUSTODY_WITNESS_... as the reason why
 * there is none.
 *
 * custody_cosign_key: the witness's verifier key, made if there is none.
 */
extern bool custody_cosign(const char *request, Size len,
						   char line[CC_NOTE_LINE_MAX + 1]);
extern bool custody_cosign_key(char verifier_key[CC_VERIFIER_KEY_MAX + 1]);

#endif							/* CUSTODY_COSIGN_H */
