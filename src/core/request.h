/*
 * request.h
 *	  What a database asks a signer of its own, and the answers (doc/signer.md).
 */
#ifndef CC_REQUEST_H
#define CC_REQUEST_H

#include "core/keyevent.h"
#include "core/memory.h"
#include "core/tlogproof.h"

typedef enum cc_request_verb
{
	CC_REQUEST_STATUS,			/* which keys are there, what was signed last */
	CC_REQUEST_KEY,				/* the key of an epoch; made if it may be */
	CC_REQUEST_SIGN				/* a head that the last one signed leads to */
} cc_request_verb;

#define CC_LEDGER_ID_LEN 36		/* a UUID, lower case */

/* Slices point into the text that was parsed. */
typedef struct cc_request
{
	cc_request_verb verb;
	char		ledger_id[CC_LEDGER_ID_LEN + 1];
	cc_cluster	cluster;		/* all but status */
	uint32_t	epoch;			/* all but status */
	bool		handover;		/* sign: the next epoch's key is to sign, too */
	char		origin[CC_ORIGIN_MAX + 1];	/* key */
	cc_tlog_proof proof;		/* sign */
	cc_checkpoint checkpoint;	/* sign: without signatures */
} cc_request;

#define CC_REQUEST_MAX (128 + CC_CLUSTER_LINE_MAX + CC_ORIGIN_MAX + CC_TLOG_PROOF_MAX + CC_CHECKPOINT_TEXT_MAX)

extern cc_status cc_request_parse(cc_request *q, const char *text, size_t len) CC_CHECK_RESULT;
/* Returns the length, NUL-terminates. */
extern size_t cc_request_format(char out[CC_REQUEST_MAX + 1], const cc_request *q);

typedef enum cc_reply_kind
{
	CC_REPLY_OK,
	CC_REPLY_DENIED,			/* the asking user is not one who may */
	CC_REPLY_FAILED,			/* the signer could not do its work */
	CC_REPLY_MALFORMED,			/* not a request */
	CC_REPLY_REFUSED,			/* contradicts what the signer signed before */
	CC_REPLY_UNKNOWN			/* no such key */
} cc_reply_kind;

#define CC_REPLY_MAX (64 + CC_MEMORY_MAX)

/* Kind, and what follows its line: what was asked for, or a sentence. */
extern cc_status cc_reply_parse(cc_reply_kind *kind, cc_slice *body, const char *text, size_t len) CC_CHECK_RESULT;
/* The line of a kind with its LF. */
extern const char *cc_reply_head(cc_reply_kind kind);

/* What status is answered with. */
typedef struct cc_ring
{
	uint32_t	first;			/* epoch of the first key; 0: there is none */
	uint32_t	count;			/* of keys, of consecutive epochs: 0, 1 or 2 */
	bool		exists;			/* there is a memory */
	bool		damaged;		/* but it cannot be read */
	cc_memory	memory;
} cc_ring;

extern cc_status cc_ring_parse(cc_ring *ring, cc_slice body) CC_CHECK_RESULT;
/* Keys alone; the memory's text follows, or "damaged\n", or nothing. */
extern void cc_ring_write_keys(cc_writer *w, const cc_ring *ring);
#define CC_RING_DAMAGED "damaged\n"

/* What key is answered with: a verifier key and the proof that it is held. */
typedef struct cc_new_key
{
	cc_vkey		key;
	uint8_t		possession[CC_SIGNATURE_MAX];
	size_t		possession_len;
} cc_new_key;

extern cc_status cc_new_key_parse(cc_new_key *k, cc_slice body) CC_CHECK_RESULT;
extern void cc_new_key_write(cc_writer *w, const cc_new_key *k);

#endif							/* CC_REQUEST_H */
