/*
 * environment.h
 *	  The items of the environment as the entries read so far leave them.
 */
#ifndef BIN_ENVIRONMENT_H
#define BIN_ENVIRONMENT_H

#include <stddef.h>

#include "core/encode.h"

typedef struct EnvironmentItem EnvironmentItem;

typedef struct Environment
{
	EnvironmentItem *items;		/* in order of their names */
	size_t		n;
	size_t		capacity;
	bool		current;		/* fingerprint is of the items */
	uint8_t		fingerprint[CC_DIGEST_SIZE];
} Environment;

/* An environment entry was read; of an item's entries the highest number holds. */
extern void environment_take(Environment *v, const cc_environment_event *e);
extern const uint8_t *environment_fingerprint(Environment *v);
extern void environment_free(Environment *v);

#endif							/* BIN_ENVIRONMENT_H */
