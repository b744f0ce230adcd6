/*
 * contents.h
 *	  Large objects that rows name, as their entries record them.
 */
#ifndef CUSTODY_CONTENTS_H
#define CUSTODY_CONTENTS_H

#include "executor/tuptable.h"
#include "utils/rel.h"

#include "pg/canonical.h"

/*
 * The large objects of a row that is being recorded, into its values, and
 * remembered until the transaction ends.
 */
extern void custody_contents_render(Relation leaf, CustodyRenderer *r,
									TupleTableSlot *slot, cc_value *values);
/* Those of a row that is being replaced, as it was last recorded. */
extern void custody_contents_render_replaced(Relation leaf, CustodyRenderer *r,
											 TupleTableSlot *slot, cc_value *values);
/*
 * Call restate for every remembered row whose large objects are others by now.
 * Runs at pre-commit, when nothing of the transaction may change any more.
 */
typedef void (*CustodyRestate) (Relation leaf, TupleTableSlot *slot);
extern void custody_contents_settle(CustodyRestate restate);

#endif							/* CUSTODY_CONTENTS_H */
