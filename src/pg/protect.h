/*
 * protect.h
 *	  Beginning and ending the protection of a table.
 */
#ifndef CUSTODY_PROTECT_H
#define CUSTODY_PROTECT_H

#include "pg/schema.h"

/* End a protection: the event and its row.  Leaves triggers alone. */
extern void custody_protect_release(const CustodyProtection *p,
									const char *schema, const char *table,
									const char *reason);
/* A column of a protected table has another name. */
typedef struct CustodyRenaming
{
	const char *before;
	const char *after;
} CustodyRenaming;
/* End a protection and begin it anew with columns named as they are now. */
extern void custody_protect_renew(const CustodyProtection *p,
								  const CustodyRenaming *renaming);

#endif							/* CUSTODY_PROTECT_H */
