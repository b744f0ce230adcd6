/*
 * xact.h
 *	  Transaction callbacks: the transaction record at pre-commit.
 */
#ifndef CUSTODY_XACT_H
#define CUSTODY_XACT_H

/* Note the role in force; registers callbacks at first use.  Raises
 * ERRCODE_CUSTODY_LATE_CHANGE once the transaction record is written. */
extern void custody_xact_note_change(void);
/* Raise unless the current transaction is free of unstored changes. */
extern void custody_xact_require_clean(const char *function);
/* Called before the record is made; may append entries. */
extern void (*custody_xact_settle_hook) (void);
/* Called when a (sub)transaction that may have made schema versions ends. */
extern void (*custody_xact_end_hook) (bool committed);
/* Incarnation number as known to this backend (1 before the first seal). */
extern uint32 custody_xact_incarnation(void);

#endif							/* CUSTODY_XACT_H */
