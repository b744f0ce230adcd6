/*
 * capture.h
 *	  From rows to entries.
 */
#ifndef CUSTODY_CAPTURE_H
#define CUSTODY_CAPTURE_H

#include "executor/tuptable.h"
#include "utils/rel.h"

#include "core/encode.h"

/* Record one row of a leaf as a baseline entry. */
extern void custody_capture_baseline(Relation leaf, TupleTableSlot *slot);
/* Rows of a leaf that everybody now sees; takes a new snapshot. */
extern uint64 custody_capture_count(Relation leaf);
/* Record that all rows of a leaf went: CC_KIND_TRUNCATE or CC_KIND_DETACH. */
extern void custody_capture_gone(Relation leaf, cc_kind kind);

#endif							/* CUSTODY_CAPTURE_H */
