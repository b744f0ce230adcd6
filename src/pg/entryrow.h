/*
 * entryrow.h
 *	  An entry as columns of SQL results.
 */
#ifndef CUSTODY_ENTRYROW_H
#define CUSTODY_ENTRYROW_H

#include "utils/jsonb.h"

#include "pg/past.h"

/*
 * leaf_index, entry_no, operation, changed_at, session_user_name, actor,
 * reason, purpose, sealed, row.  A delete's row is its key; with key_only, so
 * is any other's.
 */
#define CUSTODY_ENTRYROW_COLUMNS 10
extern void custody_entryrow_set(Datum *values, bool *nulls, CustodyPast *past,
								 CustodyPastEntry *entry, bool key_only);
/* The row after a change, the key of a deleted row, or NULL. */
extern Jsonb *custody_entryrow_json(CustodyPast *past, CustodyPastEntry *entry,
									bool key_only);
/* Stored text; NULL if it is empty or not text of this encoding. */
extern void custody_entryrow_set_text(Datum *value, bool *isnull, cc_slice text);
extern void custody_entryrow_set_json(Datum *value, bool *isnull, Jsonb *json);
/*
 * Qualified name of a protected table, as it is now or, if it was dropped, as
 * the schema version has it; NULL if neither is known.
 */
extern char *custody_entryrow_relation(CustodyLayouts *layouts, uint32 relation_id,
									   const CustodyLayout *layout);

#endif							/* CUSTODY_ENTRYROW_H */
