/*
 * ledger.h
 *	  Where the log stands: its last blocks, its incarnation, its keys.
 *
 * Without one of its own a function reads under the active snapshot.
 */
#ifndef CUSTODY_LEDGER_H
#define CUSTODY_LEDGER_H

#include "datatype/timestamp.h"
#include "utils/snapshot.h"

#include "core/encode.h"
#include "pg/keys.h"

/* An incarnation as in log_incarnation; number 0: the ledger has not begun. */
typedef struct CustodyIncarnation
{
	uint32		number;
	pg_uuid_t	ledger_id;
	char		origin[CC_ORIGIN_MAX + 1];
	CustodyCluster cluster;		/* where it began */
} CustodyIncarnation;

/* A key as in log_key. */
typedef struct CustodyKey
{
	uint32		epoch;			/* 0 = none */
	char	   *verifier_key;	/* palloc'd */
	int64		txn_no;			/* transaction that announced it */
} CustodyKey;

/* A block as in log_block, its header decoded. */
typedef struct CustodyBlock
{
	bool		exists;
	bool		is_signed;		/* its checkpoint is stored */
	uint64		number;
	uint32		epoch;
	uint32		incarnation;
	TimestampTz time;
	char		origin[CC_ORIGIN_MAX + 1];
	bool		has_state;
	uint8		state[CC_DIGEST_SIZE];
	char	   *snapshot;		/* palloc'd */
	cc_frontier frontier;
	CustodyHead head;
} CustodyBlock;

/* The latest incarnation. */
extern void custody_ledger_incarnation(CustodyIncarnation *incarnation);
/* One of a number; false if there is none. */
extern bool custody_ledger_incarnation_of(uint32 number, CustodyIncarnation *incarnation);
/* The last two blocks; raises if they cannot be decoded. */
extern void custody_ledger_blocks(CustodyBlock *last, CustodyBlock *before);
/*
 * The stored note of *tree_size, or the latest, whose size that becomes; raises
 * if there is none.
 */
extern bytea *custody_ledger_checkpoint(bool latest, int64 *tree_size);
/* The root of the tree at a block's end, by log_block; false if it has none. */
extern bool custody_ledger_root(int64 tree_size, Snapshot snapshot, uint8 root[CC_DIGEST_SIZE]);
/* The key announced last; epoch 0 if none. */
extern void custody_ledger_last_key(CustodyKey *key);
/* The key of an epoch; false if there is none. */
extern bool custody_ledger_key(uint32 epoch, CustodyKey *key);
/*
 * Header of the block that announced a key, palloc'd; NULL if that is not
 * sealed yet.  Raises if it cannot be decoded.
 */
extern bytea *custody_ledger_announcement(const CustodyKey *key, cc_block *header);
/* Verifier key of an epoch, palloc'd; NULL if there is none. */
extern char *custody_ledger_verifier_key(uint32 epoch);

/* Header of the block that a leaf lies in, palloc'd; NULL if none does. */
extern bytea *custody_ledger_header(int64 leaf_index, Snapshot snapshot);

#endif							/* CUSTODY_LEDGER_H */
