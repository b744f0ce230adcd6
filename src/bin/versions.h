/*
 * versions.h
 *	  The schema versions a ledger has defined so far.
 */
#ifndef VERSIONS_H
#define VERSIONS_H

#include "core/encode.h"

/* A schema version with the memory it points into. */
typedef struct Version
{
	uint32_t	relation;
	uint32_t	version;
	uint8_t    *definition;		/* NULL: the slot is free */
	size_t		len;
	cc_schema	schema;
} Version;

/* Zeroed is empty. */
typedef struct Versions
{
	Version    *slots;			/* open addressing */
	size_t		n;
	size_t		nslots;			/* a power of two */
} Versions;

/* The version an entry names, or NULL. */
extern Version *versions_find(const Versions *v, const cc_entry *e);
/* Keep the definition in the body of e, which is known to decode to s. */
extern void versions_store(Versions *v, const cc_entry *e, const cc_schema *s);
extern void versions_free(Versions *v);

#endif							/* VERSIONS_H */
