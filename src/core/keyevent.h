/*
 * keyevent.h
 *	  The key of an epoch and the proof that its private key is held
 *	  (doc/format.md sections 4 and 6.3).
 */
#ifndef CC_KEYEVENT_H
#define CC_KEYEVENT_H

#include "core/encode.h"
#include "core/sigcheck.h"

/* What the key signs: a title, the epoch, the verifier key, a line each. */
#define CC_POSSESSION_MAX (32 + CC_DECIMAL_MAX + 1 + CC_VERIFIER_KEY_MAX + 1)

/* Returns the length; NUL-terminates. */
extern size_t cc_possession_message(char out[CC_POSSESSION_MAX + 1], uint32_t epoch, const cc_vkey *key);
/* The key of an event; CC_E_KEY unless it is of a type that signs for a log. */
extern cc_status cc_key_event_key(cc_vkey *key, const cc_key_event *e) CC_CHECK_RESULT;
/* Is it shown that who made the event holds the key?  CC_E_SIGNATURE if not. */
extern cc_status cc_key_event_check(const cc_key_event *e, const cc_vkey *key) CC_CHECK_RESULT;

#endif							/* CC_KEYEVENT_H */
