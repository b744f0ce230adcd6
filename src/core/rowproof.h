/*
 * rowproof.h
 *	  The proof of one version of one row (doc/format.md section 9.2): parse,
 *	  check, and the parts a prover writes.
 */
#ifndef CC_ROWPROOF_H
#define CC_ROWPROOF_H

#include "core/redacted.h"
#include "core/tlogproof.h"

/*
 * A parsed proof.  Slices point into the caller's text, which parsing
 * overwrites (base64 is decoded in place).  Arrays are the caller's: set
 * schema's arrays and capacities as for cc_schema_decode, columns and key with
 * room for 'capacity' elements each, before parsing.
 */
typedef struct cc_row_proof
{
	cc_slice	committed;
	cc_slice	private_part;
	uint64_t	entry_no;
	uint64_t	entry_count;
	int			npath;
	uint8_t		path[CC_FRONTIER_MAX + 1][CC_DIGEST_SIZE];
	cc_slice	record_bytes;
	cc_slice	schema_bytes;
	cc_tlog_proof leaf;
	cc_checkpoint checkpoint;
	/* decoded by parse */
	cc_entry	entry;
	cc_record	record;
	cc_schema	schema;
	/* set by check */
	cc_value   *key;			/* key columns in key order */
	cc_proof_column *columns;	/* none for a delete */
	size_t		capacity;
} cc_row_proof;

/* Where a check failed. */
typedef enum cc_proof_step
{
	CC_STEP_NONE,
	CC_STEP_FORM,				/* of a history: an entry cannot be read */
	CC_STEP_VALUES,				/* rule 2 */
	CC_STEP_TRANSACTION,		/* rule 3 */
	CC_STEP_LOG,				/* rule 4 */
	CC_STEP_LINK,				/* of a history */
	CC_STEP_GROWTH,				/* of a history */
	CC_STEP_SIGNATURE,			/* rule 5 */
	CC_STEP_WITNESSES			/* checked by callers, who hold the policy */
} cc_proof_step;

/* Plain English of a step, never NULL. */
extern const char *cc_proof_step_text(cc_proof_step step);

/* Rule 1.  The text need not be NUL-terminated. */
extern cc_status cc_row_proof_parse(cc_row_proof *p, char *text, size_t len) CC_CHECK_RESULT;
/*
 * Rules 2 to 5 in that order.  keys: what the verifier trusts, never taken
 * from the proof.  *step says where it failed.
 */
extern cc_status cc_row_proof_check(cc_row_proof *p, const cc_vkey *keys, size_t nkeys,
									cc_proof_step *step) CC_CHECK_RESULT;

/*
 * Write the custody part, up to and with the empty line; the leaf proof is
 * appended by the caller.
 */
extern void cc_row_proof_format(cc_writer *w, const cc_row_proof *p);

#endif							/* CC_ROWPROOF_H */
