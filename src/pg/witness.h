/*
 * witness.h
 *	  Whose cosignatures of this log's checkpoints count.
 */
#ifndef CUSTODY_WITNESS_H
#define CUSTODY_WITNESS_H

#include "nodes/pg_list.h"
#include "utils/snapshot.h"

#include "core/sigcheck.h"

/* A bit for each, so that sets of them are numbers. */
#define CUSTODY_WITNESSES_MAX 64

/* A statement about a witness: a row of log_witness. */
typedef struct CustodyWitness
{
	char	   *name;
	char	   *verifier_key;
	int32		statement;
	bool		trusted;
	char	   *reason;
	bool		readable;		/* key is decoded */
	cc_vkey		key;
} CustodyWitness;

/* All statements, by name and number, in the current context. */
extern List *custody_witness_statements(Snapshot snapshot);
/* Of these the ones that are in force and trust a readable key, by name. */
extern List *custody_witness_trusted(Snapshot snapshot);
/* Body of the entry that a statement is. */
extern bytea *custody_witness_event(const CustodyWitness *w);

#endif							/* CUSTODY_WITNESS_H */
