/*
 * environment.h
 *	  Environment fingerprint (doc/format.md section 5.3): what a block header
 *	  says of the database around the ledger.
 */
#ifndef CC_ENVIRONMENT_H
#define CC_ENVIRONMENT_H

#include "core/digest.h"

/* A fingerprint under way. */
typedef struct cc_environment
{
	cc_sha256	hash;
	uint32_t	count;
} cc_environment;

/* Order of items: by the bytes of their names. */
extern int	cc_environment_compare(cc_slice a, cc_slice b);
/*
 * Begin with the number of items, add each in order, end.  No item at all
 * gives zeros.
 */
extern void cc_environment_begin(cc_environment *e, uint32_t count);
extern void cc_environment_add(cc_environment *e, cc_slice name, cc_slice text);
extern void cc_environment_end(cc_environment *e, uint8_t out[CC_DIGEST_SIZE]);

#endif							/* CC_ENVIRONMENT_H */
