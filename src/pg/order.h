/*
 * order.h
 *	  Changes of one row in the order in which they happened.
 */
#ifndef CUSTODY_ORDER_H
#define CUSTODY_ORDER_H

#include "executor/tuptable.h"
#include "utils/rel.h"

#include "core/chunk.h"

/*
 * Append the entry of a change from old_slot to new_slot (either may be NULL),
 * or keep it until the change that made old_slot was appended.
 */
extern void custody_order_append(Relation leaf, TupleTableSlot *new_slot,
								 TupleTableSlot *old_slot,
								 const cc_stored *entry);

/* Append what earlier statements of the client left kept. */
extern void custody_order_settle(void);

/* For xact.c */
/* Are entries kept? */
extern bool custody_order_pending(void);
/* Append what is still kept. */
extern void custody_order_flush(void);
extern void custody_order_subcommit(int nest_level);
extern void custody_order_subabort(int nest_level);
/* Forget everything; must not raise (called at commit and abort). */
extern void custody_order_reset(void);

#endif							/* CUSTODY_ORDER_H */
