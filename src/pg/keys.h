/*
 * keys.h
 *	  The signing key and the signer's memory, on disk, outside the database.
 *
 * One folder per ledger in custody.key_directory:
 *		epoch-000001.pem	private key of the epoch, PKCS#8, mode 0600
 *		signed				the last checkpoint text signed, mode 0600
 * The only caller of sigmake.
 */
#ifndef CUSTODY_KEYS_H
#define CUSTODY_KEYS_H

#include "core/checkpoint.h"
#include "core/sigmake.h"
#include "utils/uuid.h"

/* The signer's memory. */
typedef struct CustodySigned
{
	bool		exists;
	char		origin[CC_ORIGIN_MAX + 1];
	uint64		size;
	uint8		root[CC_DIGEST_SIZE];
} CustodySigned;

/* Path of the ledger's folder, palloc'd; checks that the key directory is
 * safe (exists or can be made, ours, mode 0700, outside the data directory);
 * raises ERRCODE_CUSTODY_KEY_DIRECTORY. */
extern char *custody_keys_folder(const pg_uuid_t *ledger_id);
/* Make the key of an epoch if there is none yet (create), load it, and give
 * its verifier key under 'origin'.  Raises ERRCODE_CUSTODY_KEY_UNUSABLE. */
extern void custody_keys_open(const char *folder, uint32 epoch, bool create,
							  const char *origin, cc_vkey *vkey);
/* Does the epoch's key file exist? */
extern bool custody_keys_exists(const char *folder, uint32 epoch);
/* Sign a checkpoint: refuses (ERRCODE_CUSTODY_SIGNER_REFUSES) unless memory
 * is empty, equals (previous_size, previous_root), or equals this very head.
 * Writes the memory durably before returning the note (palloc'd). */
extern char *custody_keys_sign(const char *folder, uint32 epoch, const char *origin,
							   uint64 previous_size, const uint8 previous_root[CC_DIGEST_SIZE],
							   uint64 size, const uint8 root[CC_DIGEST_SIZE]);
extern void custody_keys_memory(const char *folder, CustodySigned *memory);

#endif							/* CUSTODY_KEYS_H */
