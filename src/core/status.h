/*
 * status.h
 *	  The one list of outcomes of the core.
 *
 * Every core function that can fail returns a cc_status.  The core never
 * prints, allocates, exits or keeps an error elsewhere.
 */
#ifndef CC_STATUS_H
#define CC_STATUS_H

#define CC_CHECK_RESULT __attribute__((warn_unused_result))

typedef enum cc_status
{
	CC_OK = 0,
	CC_E_TRUNCATED = 1,			/* input ends before the structure does */
	CC_E_TRAILING = 2,			/* bytes left over after the structure */
	CC_E_FORM = 3,				/* not the one canonical form */
	CC_E_VALUE = 4,				/* a field holds a value outside its range */
	CC_E_SPACE = 5,				/* the caller's buffer is too small */
	CC_E_CRYPTO = 6,			/* OpenSSL failed */
	CC_E_KEY = 7,				/* not a usable key of the expected type */
	CC_E_SIGNATURE = 8,			/* signature does not verify */
	CC_E_UNSIGNED = 9,			/* no signature line of the wanted key */
	CC_E_MISMATCH = 10,			/* hashes differ */
	CC_E_RANGE = 11,			/* index or size out of range */
	CC_E_UNSUPPORTED = 12,		/* this OpenSSL lacks the algorithm */
	CC_E_QUORUM = 13			/* too few witnesses have cosigned */
} cc_status;

/* Plain text of a status: lower case, no full stop; never NULL. */
extern const char *cc_status_text(cc_status status);

#endif							/* CC_STATUS_H */
