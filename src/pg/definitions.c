/*
 * definitions.c
 *	  Schema definitions at hand by number, for opening stored entries.
 *
 * A version is looked up when it is first asked for.  One that is not there is
 * looked for again: it may come to be visible while a walk goes on.
 *
 * Locks: AccessShareLock while log_schema is scanned.  Memory: the context
 * that was current at the beginning.
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "pg/definitions.h"
#include "pg/schema.h"

typedef struct Definition
{
	uint32		version;		/* hash key */
	CustodyVersion *decoded;
} Definition;

struct CustodyDefinitions
{
	MemoryContext context;
	Snapshot	snapshot;
	HTAB	   *by_version;
	const CustodyVersion *last; /* found last */
};

CustodyDefinitions *
custody_definitions_begin(Snapshot snapshot)
{
	CustodyDefinitions *d = palloc0(sizeof(CustodyDefinitions));
	HASHCTL		ctl = {0};

	d->context = CurrentMemoryContext;
	d->snapshot = snapshot;
	ctl.keysize = sizeof(uint32);
	ctl.entrysize = sizeof(Definition);
	ctl.hcxt = CurrentMemoryContext;
	d->by_version = hash_create("custody definitions", 16, &ctl,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return d;
}

static const CustodyVersion *
load(CustodyDefinitions *d, uint32 version)
{
	Definition *found = hash_search(d->by_version, &version, HASH_FIND, NULL);
	CustodyVersion *decoded;
	MemoryContext old;

	if (found != NULL)
		return found->decoded;
	old = MemoryContextSwitchTo(d->context);
	decoded = custody_schema_load(version, d->snapshot, true);
	MemoryContextSwitchTo(old);
	if (decoded == NULL)
		return NULL;
	found = hash_search(d->by_version, &version, HASH_ENTER, NULL);
	found->decoded = decoded;
	return decoded;
}

const cc_schema *
custody_definitions_find(CustodyDefinitions *d, uint32 relation, uint32 version)
{
	if (d->last == NULL || d->last->version != version)
		d->last = load(d, version);
	if (d->last == NULL || d->last->relation_id != relation)
		return NULL;
	return &d->last->schema;
}
