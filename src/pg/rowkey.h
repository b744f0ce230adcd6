/*
 * rowkey.h
 *	  A row key given as jsonb, and which rows the caller may see.
 */
#ifndef CUSTODY_ROWKEY_H
#define CUSTODY_ROWKEY_H

#include "utils/hsearch.h"
#include "utils/jsonb.h"

#include "pg/schema.h"

/* Values of the key columns in key order. */
typedef struct CustodyRowKey
{
	int			n;
	cc_value   *values;
	AttrNumber *attnums;		/* in the table as it is now; 0 = gone */
	Datum	   *datums;
	bool	   *nulls;
} CustodyRowKey;

/*
 * Parse a key under the key columns of a schema version; columns' types are
 * those of the table as it is now.  Raises ERRCODE_INVALID_PARAMETER_VALUE if
 * other columns are named, and what the types' input raises.
 */
extern CustodyRowKey *custody_rowkey_parse(Oid relid, const CustodyVersion *version,
										   Jsonb *key);

/* Raise unless the caller may SELECT the whole table. */
extern void custody_rowkey_require_select(Oid relid);
/* Does row security limit what the caller sees of the table? */
extern bool custody_rowkey_limited(Oid relid);
/*
 * Is the row there now, for the caller?  Only for a version with key columns;
 * a table that no longer has them all has no such row.
 */
extern bool custody_rowkey_visible(Oid relid, const CustodyRowKey *key);
/* Digests (as CustodyLayout.key) of the keys of all rows the caller sees. */
extern HTAB *custody_rowkey_all_visible(Oid relid, const CustodyVersion *version);

#endif							/* CUSTODY_ROWKEY_H */
