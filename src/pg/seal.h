/*
 * seal.h
 *	  One sealing pass: what committed since the last block becomes a block,
 *	  is made durable, signed, and its checkpoint stored.
 */
#ifndef CUSTODY_SEAL_H
#define CUSTODY_SEAL_H

/*
 * Seal everything committed.  Must be called outside a transaction, in a
 * worker (custody_seal_worker_settings done); runs its own transactions.
 * force_block: write a block (heartbeat) even if nothing is new.
 * Returns the size of the log.
 */
extern uint64 custody_seal_pass(bool force_block);
/* Isolation, timeouts, read-write mode, search_path of a sealing process. */
extern void custody_seal_worker_settings(void);
/* Start of the last block, for the heartbeat; 0 = none.  Own transaction. */
extern TimestampTz custody_seal_last_block_time(void);
/* Run the anchor command for checkpoints not yet anchored; own transactions.
 * Returns false if the command failed and is to be retried. */
extern bool custody_anchor_pass(void);

#endif							/* CUSTODY_SEAL_H */
