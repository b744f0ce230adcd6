/*
 * layout.h
 *	  All schema versions at hand, for reading entries back: which belong to a
 *	  table, and what a row key is under each.
 */
#ifndef CUSTODY_LAYOUT_H
#define CUSTODY_LAYOUT_H

#include "nodes/bitmapset.h"
#include "utils/hsearch.h"

#include "pg/schema.h"

/* One schema version. */
typedef struct CustodyLayout
{
	uint32		version;		/* hash key */
	uint32		relation_id;
	Oid			leaf;
	bytea	   *definition;
	CustodyVersion *decoded;	/* NULL until asked for */
	bool		damaged;		/* cannot be decoded */
	CustodyProtection *protection;	/* NULL: the ledger names none */
	bool		selected;		/* belongs to the wanted table */
	bool		keyed;			/* 'key' is set */
	uint8		key[CC_DIGEST_SIZE];	/* of the wanted row */
} CustodyLayout;

typedef struct CustodyLayouts
{
	MemoryContext context;
	HTAB	   *by_version;
	List	   *protections;
	bool		tolerant;
} CustodyLayouts;

/*
 * Read all of them; lives in the current memory context.  A definition that is
 * not canonical raises when it is needed; with tolerant, which is for showing
 * the log as it is, such a version counts as not known.
 */
extern CustodyLayouts *custody_layouts_load(Snapshot snapshot, bool tolerant);
/* A version, decoded, or NULL. */
extern CustodyLayout *custody_layouts_find(CustodyLayouts *layouts, uint32 version);
extern CustodyProtection *custody_layouts_protection(CustodyLayouts *layouts,
													 uint32 relation_id);
/*
 * Select the versions of a table: its own, its partitions', its children's by
 * inheritance, under every protection.  Gives the newest, NULL if there is
 * none.
 */
extern CustodyLayout *custody_layouts_select(CustodyLayouts *layouts, Oid relid);
/* Relation numbers of what is selected. */
extern Bitmapset *custody_layouts_selected(CustodyLayouts *layouts);
/*
 * Note the digest of a row key, given by the newest selected version's key
 * columns, under each selected version; gives the lookup numbers.
 */
extern int64 *custody_layouts_set_key(CustodyLayouts *layouts,
									  const CustodyLayout *newest,
									  const cc_value *values, int *n);
/* Position in 'to' of the column that 'from' has at a position, or -1. */
extern int custody_layout_match(const cc_schema *from, int position,
								const cc_schema *to);

#endif							/* CUSTODY_LAYOUT_H */
