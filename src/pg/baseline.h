/*
 * baseline.h
 *	  Recording the rows that a table has when its protection begins.
 */
#ifndef CUSTODY_BASELINE_H
#define CUSTODY_BASELINE_H

#include "utils/rel.h"

/* Record all rows of a leaf as baseline; returns how many.  Caller holds at
 * least ShareRowExclusiveLock. */
extern uint64 custody_baseline_record(Relation leaf);

#endif							/* CUSTODY_BASELINE_H */
