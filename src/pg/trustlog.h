/*
 * trustlog.h
 *	  Keys of other logs whose checkpoints this database cosigns.
 */
#ifndef CUSTODY_TRUSTLOG_H
#define CUSTODY_TRUSTLOG_H

#include "core/sigcheck.h"

/*
 * The keys that are trusted for an origin, palloc'd; returns how many.  Reads
 * under the active snapshot.
 */
extern size_t custody_trustlog_keys(const char *origin, cc_vkey **keys);

/* Body of the event of a statement about a key, palloc'd. */
extern bytea *custody_trustlog_event(const char *verifier_key, int32 statement,
									 bool trusted, const char *reason);

#endif							/* CUSTODY_TRUSTLOG_H */
