/*
 * environment.h
 *	  The environment of the ledger: the capture machinery, the schema of
 *	  protected tables, roles and settings, as named items of text
 *	  (doc/format.md section 5.3).
 *
 * environment_item.c lists of items; environment_table.c, _triggerrow.c, _object.c,
 * _role.c and _server.c describe what there is; environment_survey.c puts that
 * together; environment.c holds it against what the ledger has recorded.
 */
#ifndef CUSTODY_ENVIRONMENT_H
#define CUSTODY_ENVIRONMENT_H

#include "access/htup.h"
#include "nodes/pg_list.h"
#include "storage/lock.h"
#include "utils/snapshot.h"

#include "core/digest.h"

/* One item; both strings in the database's encoding. */
typedef struct CustodyItem
{
	char	   *name;
	char	   *text;
	int64		number;			/* recorded items: of the last entry */
} CustodyItem;

typedef struct CustodyItems
{
	MemoryContext context;
	CustodyItem *items;
	int			n;
	int			max;
} CustodyItems;

/*
 * A survey under way.  Rows are read under 'snapshot'; names of other objects
 * and deparsed expressions are as they are now.
 */
typedef struct CustodySurvey
{
	CustodyItems *items;
	Snapshot	snapshot;
	uint32		protection;		/* of the table described, 0 = none */
	List	   *types;			/* OIDs met on the way */
	List	   *functions;
	List	   *watched;		/* relations whose change matters */
	List	   *busy;			/* groups that others had locked; char * */
} CustodySurvey;

/* environment_item.c */

extern void custody_items_init(CustodyItems *items, MemoryContext context);
/* Add an item; line feeds become \n, backslashes \\; long names and texts are cut and end in their digest. */
extern void custody_items_add(CustodyItems *items, const char *name, const char *text);
/* Add an item as it is. */
extern void custody_items_put(CustodyItems *items, const char *name, const char *text);
extern void custody_items_sort(CustodyItems *items);
/* In sorted items; NULL if there is none. */
extern CustodyItem *custody_items_find(const CustodyItems *items, const char *name);
/* Length of the part of a name that says which object the item is of. */
extern size_t custody_item_group(const char *name);
/* Has a sorted list an item of the group that 'name' is of? */
extern bool custody_items_have_group(const CustodyItems *items, const char *name);
/*
 * Describe an object in a subtransaction: one that cannot be described
 * becomes an item that says so.  group: the name of the item all of whose
 * parts the description adds.
 */
extern void custody_survey_guarded(CustodySurvey *s, const char *group,
								   void (*describe) (CustodySurvey *, const char *, Oid), Oid oid);
/* "a, b"-style lists of an ACL, without what the owner has by default. */
extern char *custody_item_acl(Datum acl, bool isnull, char kind, Oid owner);
/* A role's quoted name, or its number. */
extern const char *custody_item_role(Oid role);
/* "schema.name" of a relation, quoted; NULL if it is gone. */
extern char *custody_item_relation(Oid relid);
/* Order of a list of String nodes. */
extern int	custody_item_compare_strings(const ListCell *a, const ListCell *b);
/* Call a pg_get_*() function; "(none)" for NULL. */
extern char *custody_item_definition(PGFunction function, Oid oid);

/* environment_table.c */

/* Names the group of a table. */
extern char *custody_survey_table_group(Oid relid);
/* protection: under which it stands, 0 = none. */
extern void custody_survey_table(CustodySurvey *s, Oid relid, uint32 protection);

/* environment_object.c */

extern char *custody_survey_function_group(Oid oid);
extern char *custody_survey_type_group(Oid oid);
extern void custody_survey_function(CustodySurvey *s, Oid oid);
extern void custody_survey_type(CustodySurvey *s, Oid oid);
extern void custody_survey_event_triggers(CustodySurvey *s);
/* Schema custody, what is in it, and the extension. */
extern void custody_survey_ledger(CustodySurvey *s);

/* environment_triggerrow.c: items that say who wrote the catalog's row of a trigger of ours. */

#define CUSTODY_PART_TRIGGER_ROW "trigger row"
extern char *custody_triggerrow_text(HeapTuple tuple, Oid relid, uint32 protection);
extern void custody_triggerrow_add_event(CustodySurvey *s, const char *name, HeapTuple tuple);
/*
 * Is the item of that name such a one?  Its table, NULL for an event trigger,
 * and the name of the item that says how the trigger is.
 */
extern bool custody_triggerrow_parse(const char *name, char **table, char **trigger);
/* Are two texts about a row of the same table and protection, whoever wrote it? */
extern bool custody_triggerrow_same(const char *before, const char *after);

/* environment_role.c */

/* Roles with power over the ledger; owners: OIDs of owning roles. */
extern void custody_survey_roles(CustodySurvey *s, List *owners);

/* environment_server.c */

extern void custody_survey_server(CustodySurvey *s);
/* Which ledger this is: restored elsewhere, or in its place, it is another. */
extern char *custody_survey_identity(void);

/* environment_survey.c */

/* Everything; allocates in s->items->context. */
extern void custody_survey_all(CustodySurvey *s);
/* Settings under which texts come out the same in every session. */
extern int	custody_survey_begin(void);
extern void custody_survey_end(int nest_level);

/* What the capture of a protected table is, by the name of the root. */
extern void custody_survey_capture(CustodySurvey *s, Oid root);
/* What the functions and event triggers that serve capture are. */
extern void custody_survey_machinery(CustodySurvey *s);

/* environment.c */

/* Items with a meaning for verification. */
#define CUSTODY_ITEM_CAPTURE "capture"
#define CUSTODY_ITEM_COMPLETE "complete"
#define CUSTODY_ITEM_CLOCK "server clock"
#define CUSTODY_ITEM_EXTENSION "extension pg_custody"
#define CUSTODY_ITEM_IDENTITY "server identity"
#define CUSTODY_ITEM_START "server start"
#define CUSTODY_ITEM_HEARTBEAT "settings/custody.heartbeat_interval"
#define CUSTODY_ITEM_INTERVAL "settings/custody.seal_interval"
#define CUSTODY_ITEM_PRELOAD "settings/shared_preload_libraries"

/* Of items with such a name a change cannot be recorded as it is made. */
extern bool custody_environment_is_late(const char *name);
/*
 * Call for each difference between recorded and present items, both sorted;
 * before or after is NULL where there is none.  known: leave out objects that
 * only one of them has, since their entries say so or the next block will.
 */
extern void custody_environment_compare(const CustodyItems *recorded, const CustodySurvey *present, bool known,
										void (*differs) (void *arg, const CustodyItem *before,
														 const CustodyItem *after),
										void *arg);
/* Does the ledger still live where these items were recorded? */
extern bool custody_environment_lives_here(const CustodyItems *recorded);
/* What the ledger has recorded last, sorted; items that are gone left out. */
extern void custody_environment_recorded(CustodyItems *items, Snapshot snapshot);
/*
 * For the sealer.  Is it time to look?  Record what differs, in the current
 * transaction.  Fingerprint of what is recorded, under the active snapshot.
 */
extern bool custody_environment_due(bool force);
extern void custody_environment_record(void);
extern void custody_environment_fingerprint(uint8 out[CC_DIGEST_SIZE]);
/* What a DDL command may have changed. */
typedef struct CustodyNote
{
	List	   *tables;			/* OIDs */
	List	   *functions;
	List	   *types;
	List	   *dropped;		/* "schema.name" of tables that are gone */
	bool		everything;
} CustodyNote;

/* Record what changed in those of them of which items are recorded. */
extern void custody_environment_note(const CustodyNote *note);

#endif							/* CUSTODY_ENVIRONMENT_H */
