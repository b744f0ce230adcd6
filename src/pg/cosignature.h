/*
 * cosignature.h
 *	  Cosignatures of witnesses under this log's checkpoints.
 */
#ifndef CUSTODY_COSIGNATURE_H
#define CUSTODY_COSIGNATURE_H

#include "nodes/pg_list.h"
#include "utils/snapshot.h"

#include "core/checkpoint.h"

/* A row of log_cosignature. */
typedef struct CustodyCosignature
{
	int64		tree_size;
	char	   *witness;
	int64		key_id;
	bytea	   *line;			/* with its LF */
} CustodyCosignature;

/* All lines for a checkpoint, by witness and key, in the current context. */
extern List *custody_cosignature_load(int64 tree_size, Snapshot snapshot);
/*
 * Does the stored line verify now?  key: the witness's.  CC_E_UNSIGNED: it is
 * of another key.
 */
extern cc_status custody_cosignature_check(const CustodyCosignature *stored,
										   const cc_checkpoint *c, const cc_vkey *key);
/*
 * The note with the lines of the witnesses that are trusted; those that do not
 * verify are left out, and custody.verify() names them.  The note itself if
 * there are none.
 */
extern bytea *custody_cosignature_note(bytea *note, int64 tree_size, Snapshot snapshot);

#endif							/* CUSTODY_COSIGNATURE_H */
