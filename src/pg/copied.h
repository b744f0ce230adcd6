/*
 * copied.h
 *	  Were the ledger's rows loaded with SQL, from a dump, and is the loading
 *	  over?
 */
#ifndef CUSTODY_COPIED_H
#define CUSTODY_COPIED_H

#include "pg/incarnation.h"

/* All need an active snapshot. */

/* Is the transaction sealed last a loaded row? */
extern bool custody_copied_leaves(void);
/* Has any transaction record been written in this database? */
extern bool custody_copied_any_native(void);
/* Do the relations a sealer builds upon agree, so that all are loaded? */
extern bool custody_copied_complete(const CustodyLife *life);
/* Do the protected tables have their triggers, which are restored last? */
extern bool custody_copied_captures(void);

#endif							/* CUSTODY_COPIED_H */
