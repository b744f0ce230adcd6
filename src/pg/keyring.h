/*
 * keyring.h
 *	  The keys of a ledger and the memory of what they signed, wherever they
 *	  are: in the server's own key directory (keys.c), or with a signer of
 *	  another user's (signer.c), if custody.signer names one.
 */
#ifndef CUSTODY_KEYRING_H
#define CUSTODY_KEYRING_H

#include "pg/keys.h"

typedef struct CustodyKeyring
{
	char	   *folder;			/* of the ledger in the key directory */
	char		ledger_id[CC_LEDGER_ID_LEN + 1];
	bool		remote;			/* a signer has the keys */
	cc_ring		held;			/* what it has */
	CustodyMemory memory;
} CustodyKeyring;

/* Look at keys and memory. */
extern void custody_keyring_load(CustodyKeyring *ring, const pg_uuid_t *ledger_id);
/* Is the key of an epoch there? */
extern bool custody_keyring_holds(const CustodyKeyring *ring, uint32 epoch);
/* Where keys and memory are, for a message; palloc'd. */
extern char *custody_keyring_place(const CustodyKeyring *ring);
/* As custody_keys_create(). */
extern void custody_keyring_create(const CustodyKeyring *ring, const CustodyCluster *cluster,
								   uint32 epoch, const char *origin, CustodyNewKey *key);
/*
 * As custody_keys_sign().  A signer is given the proof that head follows from
 * previous, read under the active snapshot, and its note is checked.
 */
extern char *custody_keyring_sign(const CustodyKeyring *ring, const CustodySigner *signer,
								  const CustodyCluster *cluster, const CustodyHead *previous,
								  const CustodyHead *head);
/* As custody_keys_destroy(); a signer destroys its own by itself. */
extern void custody_keyring_destroy(const CustodyKeyring *ring, uint32 before);

#endif							/* CUSTODY_KEYRING_H */
