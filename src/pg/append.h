/*
 * append.h
 *	  Entries of the current transaction: buffered per subtransaction, stored
 *	  in chunks, hashed into the level-1 tree.
 */
#ifndef CUSTODY_APPEND_H
#define CUSTODY_APPEND_H

#include "core/encode.h"
#include "core/merkle.h"

/*
 * Append an entry: its committed part, private part (empty for a control
 * event) and lookup numbers.  Entries live and die with the current
 * subtransaction.  May store a chunk.
 */
extern void custody_append_entry(const void *committed, size_t committed_len,
								 const void *private_part, size_t private_len,
								 const int64 *lookups, int nlookups);
/* Append a control event without private part, given its body. */
extern void custody_append_event(cc_kind kind, uint32 relation, uint32 version,
								 const void *body, size_t len);
/* Has the current transaction appended anything that still stands? */
extern bool custody_append_pending(void);

/* For xact.c */
extern int64 custody_append_transaction_number(void);
extern uint64 custody_append_count(void);
/* Store everything buffered; afterwards the tree holds every entry. */
extern void custody_append_flush(void);
extern void custody_append_root(uint8 root[CC_DIGEST_SIZE]);
extern void custody_append_subcommit(int nest_level);
extern void custody_append_subabort(int nest_level);
/* Forget everything; must not raise (called at commit and abort). */
extern void custody_append_reset(void);

#endif							/* CUSTODY_APPEND_H */
