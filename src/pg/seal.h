/*
 * seal.h
 *	  One sealing pass: what committed since the last block becomes a block,
 *	  is made durable, signed, and its checkpoint stored.
 */
#ifndef CUSTODY_SEAL_H
#define CUSTODY_SEAL_H

#include "datatype/timestamp.h"

typedef struct CustodySealRequest
{
	bool		begin;			/* begin the ledger even if nothing happened */
	bool		heartbeat;		/* write a block even if nothing is new */
	bool		rebuild_lookup; /* make log_lookup again */
	bool		rotate;			/* go on under the next key */
	const char *new_incarnation;	/* begin one, for this reason; or NULL */
} CustodySealRequest;

typedef struct CustodySealResult
{
	bool		installed;		/* the extension is, in this database */
	bool		begun;			/* the ledger has begun */
	bool		sealed;			/* a block was written or signed */
	uint64		tree_size;		/* size of the log */
	uint32		incarnation;
	uint32		epoch;			/* of the next block */
	TimestampTz last_block;		/* time of the last block, 0 = none */
	int64		lookup_items;	/* stored when rebuilding */
} CustodySealResult;

/*
 * Seal everything that has committed.  Must be called outside a transaction in
 * a process set up by custody_worker_connect(); runs its own transactions.
 * Raises on failure, with nothing lost: the next pass continues.
 */
extern void custody_seal_pass(const CustodySealRequest *request,
							  CustodySealResult *result);

/* What a session lock on the extension guards. */
#define CUSTODY_LOCK_SEAL 0
#define CUSTODY_LOCK_ANCHOR 1
#define CUSTODY_LOCK_WITNESS 2
#define CUSTODY_LOCK_ONESHOT 3

/*
 * Take a lock for this session in a transaction of its own.  False if the
 * extension is not installed, or, with dont_wait, if the lock is taken.
 */
extern bool custody_seal_lock(int which, bool dont_wait, bool *installed);
extern void custody_seal_unlock(int which);

/* Transactions of a sealing process. */
extern void custody_seal_begin(void);
/* The same, and nobody can drop the extension before it ends; false, and no
 * transaction, when it is not installed. */
extern bool custody_seal_begin_installed(void);
extern void custody_seal_commit(void);

#endif							/* CUSTODY_SEAL_H */
