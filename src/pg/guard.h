/*
 * guard.h
 *	  Attempts on the ledger through SQL are noted in the server's log.
 */
#ifndef CUSTODY_GUARD_H
#define CUSTODY_GUARD_H

/* From _PG_init, while preloading. */
extern void custody_guard_init(void);

#endif							/* CUSTODY_GUARD_H */
