/*
 * entryrow.h
 *	  An entry as columns of SQL results.
 */
#ifndef CUSTODY_ENTRYROW_H
#define CUSTODY_ENTRYROW_H

#include "utils/jsonb.h"

#include "pg/past.h"

/* What to show of a row; of a deleted one it is the key in any case. */
typedef enum CustodyShow
{
	CUSTODY_SHOW_ROW,			/* after the change */
	CUSTODY_SHOW_KEY,			/* after the change */
	CUSTODY_SHOW_OLD_KEY		/* before the change */
} CustodyShow;

/*
 * leaf_index, entry_no, operation, changed_at, session_user_name, actor,
 * reason, purpose, sealed, row.
 */
#define CUSTODY_ENTRYROW_COLUMNS 10
extern void custody_entryrow_set(Datum *values, bool *nulls, CustodyPast *past,
								 CustodyPastEntry *entry, CustodyShow show);
/* NULL if the entry is about no row, or its values are not at hand. */
extern Jsonb *custody_entryrow_json(CustodyPast *past, CustodyPastEntry *entry,
									CustodyShow show);
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
