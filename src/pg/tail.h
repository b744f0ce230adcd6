/*
 * tail.h
 *	  Transactions that are not sealed yet, found quickly.
 */
#ifndef CUSTODY_TAIL_H
#define CUSTODY_TAIL_H

#include "nodes/pg_list.h"
#include "utils/snapshot.h"

/*
 * What is visible in an MVCC snapshot, the active one, and not sealed, in the
 * order in which sealing would take it: list of CustodyUnsealed *.  Takes no
 * predicate locks on what applications write.
 */
extern List *custody_tail(Snapshot snapshot);

#endif							/* CUSTODY_TAIL_H */
