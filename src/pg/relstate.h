/*
 * relstate.h
 *	  What capture knows of a leaf table: its protection, present schema
 *	  version and how to render its rows.  Cached per backend.
 */
#ifndef CUSTODY_RELSTATE_H
#define CUSTODY_RELSTATE_H

#include "pg/canonical.h"
#include "pg/schema.h"
#include "utils/rel.h"

typedef struct CustodyRelState
{
	Oid			relid;			/* hash key */
	bool		valid;
	bool		created;		/* version made by the current transaction */
	uint32		relation_id;
	bool		append_only;
	uint32		version;
	CustodyVersion *layout;
	CustodyRenderer *renderer;
	MemoryContext context;		/* owns layout and renderer */
} CustodyRelState;

/*
 * State of a leaf table.  Records a new schema version, as an entry, when the
 * present layout has none.  Raises ERRCODE_CUSTODY_NOT_PROTECTED when neither
 * the table nor a partitioned ancestor is protected.  Valid until the next
 * relcache invalidation is processed.
 */
extern CustodyRelState *custody_relstate_get(Relation leaf);
extern void custody_relstate_init(void);
/*
 * Names that its layout is written with changed, which the relation cache does
 * not tell: look at it anew, here and, after commit, in every other session.
 */
extern void custody_relstate_invalidate(Oid leaf);

#endif							/* CUSTODY_RELSTATE_H */
