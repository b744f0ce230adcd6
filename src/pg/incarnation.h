/*
 * incarnation.h
 *	  Is this still the life of the database that the signer knows?  Begin a
 *	  ledger, begin a new incarnation, make its key.
 */
#ifndef CUSTODY_INCARNATION_H
#define CUSTODY_INCARNATION_H

#include "pg/compat.h"
#include "pg/keyring.h"
#include "pg/ledger.h"

/* What the ledger, the signer and the cluster say, and what follows. */
typedef struct CustodyLife
{
	/* the ledger */
	CustodyIncarnation incarnation;
	CustodyKey	key;			/* announced last */
	bool		key_sealed;		/* its entry is */
	bool		key_pending;	/* the incarnation's key is not made yet */
	uint32		epoch;			/* of the next block; 0 = none */
	bool		rotating;		/* that block is to hand over to the key */
	CustodyBlock last;
	CustodyBlock before;
	/* the signer and the cluster */
	CustodyKeyring ring;
	uint32		missing_key;	/* epoch of a key that is needed and not there */
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
/* Make the next key, or the incarnation's first, and its entry. */
extern void custody_incarnation_make_key(const CustodyLife *life);
/*
 * When the key of the next block came into use, and how many blocks it signed;
 * false if its first block is still to come.
 */
extern bool custody_incarnation_epoch(const CustodyKey *key, const CustodyBlock *last,
									  TimestampTz *began, uint64 *blocks);
/* Is it time for the next key? */
extern bool custody_incarnation_key_due(const CustodyLife *life);
/* Does the last block, of this incarnation, hand over to the key? */
extern bool custody_incarnation_hands_over(const CustodyLife *life);
/* Has the last block been sealed in the present incarnation? */
extern bool custody_incarnation_owns(const CustodyLife *life, const CustodyBlock *block);

#endif							/* CUSTODY_INCARNATION_H */
