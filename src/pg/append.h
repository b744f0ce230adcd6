/*
 * append.h
 *	  Entries of the current transaction: put together in chunks per
 *	  subtransaction, and stored.
 *
 * Nothing is hashed here: what an entry commits to follows from what is stored
 * and is computed when the transaction is sealed.
 */
#ifndef CUSTODY_APPEND_H
#define CUSTODY_APPEND_H

#include "core/chunk.h"

/*
 * Append an entry.  Entries live and die with the current subtransaction.  May
 * store chunks.
 */
extern void custody_append_entry(const cc_stored *entry);
/* Append a control event, given its body. */
extern void custody_append_event(cc_kind kind, uint32 relation, uint32 version,
								 const void *body, size_t len);
/* Has the current transaction appended anything that still stands? */
extern bool custody_append_pending(void);

/* For xact.c */
/* The transaction's number; drawn at first use. */
extern int64 custody_append_transaction_number(void);
/* The same, which is the commit number if none was drawn before. */
extern int64 custody_append_name(int64 commit_number);
extern uint64 custody_append_count(void);
/*
 * Store all chunks but one that fits into a row with a record of so many
 * bytes; gives that one, or none, and the number of its first entry.
 */
extern bytea *custody_append_finish(Size record_len, uint64 *first_entry);
extern void custody_append_subcommit(int nest_level);
extern void custody_append_subabort(int nest_level);
/* Forget everything; must not raise (called at commit and abort). */
extern void custody_append_reset(void);

#endif							/* CUSTODY_APPEND_H */
