/*
 * grant.h
 *	  Rights on the ledger.
 */
#ifndef CUSTODY_GRANT_H
#define CUSTODY_GRANT_H

/* Has the caller the rights of the role that owns the ledger? */
extern bool custody_grant_owner_rights(void);

#endif							/* CUSTODY_GRANT_H */
