/*
 * keys.h
 *	  The signing key and the signer's memory, on disk, outside the database.
 *
 * One folder per incarnation of a ledger in custody.key_directory:
 *		epoch-000001.pem	private key of the epoch, PKCS#8, mode 0600; that
 *							of an epoch that ended is destroyed
 *		signed				the signer's memory (core/memory.h), mode 0600
 *		witness.pem			private key for cosigning other logs, as above
 *		cosigned/			the last checkpoint cosigned of each other log
 *		anchor/				checkpoints handed to custody.anchor_command
 * The only caller of sigmake in the server.
 */
#ifndef CUSTODY_KEYS_H
#define CUSTODY_KEYS_H

#include "core/request.h"
#include "core/sigmake.h"
#include "utils/uuid.h"

typedef cc_cluster CustodyCluster;

/* A log's size and root. */
typedef struct CustodyHead
{
	uint64		size;
	uint8		root[CC_DIGEST_SIZE];
} CustodyHead;

/* The signer's memory. */
typedef struct CustodyMemory
{
	bool		exists;
	bool		damaged;		/* there is a file, but it does not parse */
	char		origin[CC_ORIGIN_MAX + 1];
	CustodyHead head;			/* last head signed */
	CustodyCluster cluster;		/* where it was signed */
} CustodyMemory;

/* The key of one epoch, and who it should be. */
typedef struct CustodySigner
{
	const char *folder;
	uint32		epoch;
	const char *origin;
	const char *verifier_key;	/* as in log_key */
	const char *successor;		/* that of the next epoch, if it is to sign, too */
} CustodySigner;

/* A key's verifier key, and the proof that we hold it. */
typedef struct CustodyNewKey
{
	char	   *verifier_key;
	uint8		possession[CC_MADE_SIGNATURE_MAX];
	size_t		possession_len;
} CustodyNewKey;

extern bool custody_keys_head_equal(const CustodyHead *a, const CustodyHead *b);
/*
 * Path of a ledger's folder, palloc'd; the folder itself need not exist.  The
 * key directory is made if need be; raises ERRCODE_CUSTODY_KEY_DIRECTORY
 * unless it is ours alone and outside the data directory.
 */
extern char *custody_keys_folder(const pg_uuid_t *ledger_id);
/* Path of a file of the folder, palloc'd. */
extern char *custody_keys_path(const char *folder, uint32 epoch);
/* Does the epoch's key file exist? */
extern bool custody_keys_exists(const char *folder, uint32 epoch);
/*
 * The key of an epoch under an origin; makes folder and key if there is none
 * yet.  Raises ERRCODE_CUSTODY_KEY_UNUSABLE.
 */
extern void custody_keys_create(const char *folder, uint32 epoch,
								const char *origin, CustodyNewKey *key);
/*
 * Destroy the files of all keys of epochs before one: overwritten, flushed,
 * removed, whatever a crash left of an earlier attempt.  Raises if it cannot.
 */
extern void custody_keys_destroy(const char *folder, uint32 before);
extern void custody_keys_memory(const char *folder, CustodyMemory *memory);
/*
 * Sign a head and return the note, palloc'd, with the successor's line after
 * the signer's.  previous is the head of the
 * block before, NULL if head is the first of its incarnation.  The memory is
 * written durably before the note is returned.  Raises
 * ERRCODE_CUSTODY_SIGNER_REFUSES unless the memory agrees with previous or
 * with this very head, ERRCODE_CUSTODY_KEY_UNUSABLE unless the key file holds
 * the epoch's key.
 */
extern char *custody_keys_sign(const CustodySigner *signer,
							   const CustodyCluster *cluster,
							   const CustodyHead *previous,
							   const CustodyHead *head);
/* Does the witness's key file exist? */
extern bool custody_keys_witness_exists(const char *folder);
/* The witness's verifier key under a name, as custody_keys_create(). */
extern char *custody_keys_create_witness(const char *folder, const char *name);
/*
 * The signature line of a cosignature of a checkpoint's text, made at a time in
 * seconds.  Raises ERRCODE_CUSTODY_KEY_UNUSABLE unless the file holds this key.
 * What was cosigned must be durable before the line leaves the process.
 */
extern void custody_keys_cosign(const char *folder, const char *verifier_key,
								const void *text, size_t len, uint64 time,
								char line[CC_NOTE_LINE_MAX + 1]);
/*
 * Read a private file of at most cap bytes; *len is what was read, or cap + 1
 * if there is more.  False if there is no such file.  Raises if others could
 * have read it.
 */
extern bool custody_keys_read_file(const char *path, char *data, size_t cap,
								   size_t *len);
/* Write a file of mode 0600 so that it is there whole or not at all. */
extern void custody_keys_write_file(const char *path, const char *data,
									size_t len);
/* Does an existing path, links followed, lie in the data directory? */
extern bool custody_keys_inside_data(const char *path);
/* Make a folder of mode 0700, or raise unless the one there is ours alone. */
extern void custody_keys_make_folder(const char *path);

#endif							/* CUSTODY_KEYS_H */
