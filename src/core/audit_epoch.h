/*
 * audit_epoch.h
 *	  Keys and epochs, for the other parts of the verification engine.
 */
#ifndef CC_AUDIT_EPOCH_H
#define CC_AUDIT_EPOCH_H

#include "core/audit.h"

/* Entry number of a finding that is about no entry. */
#define NO_ENTRY (-1)

/* A block begins. */
extern void cc_audit_epoch_begin(cc_audit *a);
/* Is the block of the epoch that it must be of, after the one before? */
extern void cc_audit_epoch_header(cc_audit *a, const cc_block *h, cc_findings *f);
/* A key entry: learn its key, in its place. */
extern cc_status cc_audit_epoch_key(cc_audit *a, cc_slice body, int64_t entry, cc_findings *f) CC_CHECK_RESULT;
/*
 * Is the note signed by the key of the block's epoch?  Of a lost block any
 * known key will do.  Without a key for the epoch, which is reported once an
 * epoch, there is no saying, and the note stands.
 */
extern bool cc_audit_epoch_signature(cc_audit *a, const cc_checkpoint *c, cc_findings *f);
/* Where the block announced the next key: has that signed, too? */
extern void cc_audit_epoch_handover(cc_audit *a, const cc_checkpoint *c, cc_findings *f);

#endif							/* CC_AUDIT_EPOCH_H */
