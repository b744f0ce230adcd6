/*
 * definitions.h
 *	  Schema definitions at hand by number, for opening stored entries.
 */
#ifndef CUSTODY_DEFINITIONS_H
#define CUSTODY_DEFINITIONS_H

#include "utils/snapshot.h"

#include "core/encode.h"

typedef struct CustodyDefinitions CustodyDefinitions;

/* Lives in the current context; reads log_schema under the snapshot. */
extern CustodyDefinitions *custody_definitions_begin(Snapshot snapshot);
/* NULL: there is no such version of the relation, or it is not canonical. */
extern const cc_schema *custody_definitions_find(CustodyDefinitions *definitions,
												 uint32 relation, uint32 version);

#endif							/* CUSTODY_DEFINITIONS_H */
