/*
 * incarnation.h
 *	  Is this still the life of the database that the signer knows?  Begin a
 *	  ledger, begin a new incarnation, make its key.
 */
#ifndef CUSTODY_INCARNATION_H
#define CUSTODY_INCARNATION_H

#include "pg/compat.h"
#include "pg/ledger.h"

/* What the ledger, the signer and the cluster say, and what follows. */
typedef struct CustodyLife
{
	/* the ledger */
	CustodyIncarnation incarnation;
	uint32		epoch;			/* latest; 0 = none */
	char	   *verifier_key;
	bool		key_pending;	/* the incarnation's key is not made yet */
	CustodyBlock last;
	CustodyBlock before;
	/* the signer and the cluster */
	char	   *folder;
	bool		key_exists;
	CustodyMemory memory;
	CustodyCluster cluster;
	/* verdict, when the ledger has begun */
	bool		same;			/* the signer may go on */
	bool		copied;			/* the original may live on */
	char	   *explanation;	/* not same: what shows that the database was
								 * copied or restored; NULL: nothing does */
} CustodyLife;

/* All need a transaction with an active snapshot and the sealing lock. */
extern void custody_incarnation_load(CustodyLife *life);
/* Raise why the signer cannot go on. */
pg_noreturn extern void custody_incarnation_refuse(const CustodyLife *life);
/* Begin the ledger. */
extern void custody_incarnation_first(const CustodyLife *life);
/* Begin a new incarnation; returns its number. */
extern uint32 custody_incarnation_next(const CustodyLife *life, const char *reason);
/* Make the key of the incarnation and its entry. */
extern void custody_incarnation_make_key(const CustodyLife *life);
/* Has the last block been sealed in the present incarnation? */
extern bool custody_incarnation_owns(const CustodyLife *life, const CustodyBlock *block);
/* Body of the event of a key or witness key, palloc'd. */
extern bytea *custody_incarnation_key_event(uint32 number, const char *verifier_key);

#endif							/* CUSTODY_INCARNATION_H */
