/*
 * tablestate.h
 *	  What the ledger says of the rows of every table, as one set hash each,
 *	  doc/format.md section 5.4.
 */
#ifndef CUSTODY_TABLESTATE_H
#define CUSTODY_TABLESTATE_H

#include "nodes/pg_list.h"
#include "utils/snapshot.h"

#include "core/sethash.h"
#include "pg/ledger.h"
#include "pg/pickup.h"
#include "pg/rownet.h"
#include "pg/schema.h"

/* The rows of one table, under the schema version of its last entry. */
typedef struct CustodyTableSet
{
	uint32		version;
	uint32		relation_id;
	CustodyVersion *layout;		/* NULL: not readable */
	bool		known;
	bool		changed;		/* since it was loaded */
	uint32		stored;			/* version of its row in log_state, 0: none */
	cc_set		set;
} CustodyTableSet;

typedef struct CustodyTableState
{
	MemoryContext context;
	Snapshot	snapshot;
	List	   *sets;			/* CustodyTableSet * */
	bool		lost;			/* tables without a set are not known */
	bool		lost_stored;
	bool		sound;			/* rows read as they were written */
	uint8		events[CC_DIGEST_SIZE]; /* chain of log_event */
} CustodyTableState;

/* Load log_state and log_event; lives in the current context. */
extern CustodyTableState *custody_tablestate_load(Snapshot snapshot);
/* The chain over rows of log_event before a leaf; false if one is not its link. */
extern bool custody_tablestate_chain(Snapshot snapshot, int64 before,
									 uint8 events[CC_DIGEST_SIZE]);
/* What a block header says of this state. */
extern void custody_tablestate_digest(CustodyTableState *state, uint8 out[CC_DIGEST_SIZE]);
/* Must verification that begins later read an entry of this kind? */
extern bool custody_tablestate_is_event(cc_kind kind);

/*
 * For sealing, in the transaction that writes the block: take up what the block
 * seals after the last one, store the result, and give its digest.
 */
extern void custody_tablestate_seal(const CustodyBlock *last, const CustodyBatch *batch,
									Snapshot snapshot, uint8 out[CC_DIGEST_SIZE]);

#endif							/* CUSTODY_TABLESTATE_H */
