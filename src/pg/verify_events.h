/*
 * verify_events.h
 *	  What verification knows of protections while it reads: verify_events.c
 *	  and verify_versions.c share it.
 */
#ifndef CUSTODY_VERIFY_EVENTS_H
#define CUSTODY_VERIFY_EVENTS_H

#include "pg/verify.h"

/* A row of log_relation with its events. */
typedef struct CustodyKnownRelation
{
	uint32		relation_id;	/* hash key */
	bool		stored;
	bool		announced;
	bool		release_stored;
	bool		release_announced;
	Oid			relid;
	char	   *subject;		/* "" = none */
	char	   *large_objects;	/* as custody_schema_list() has them */
	char	   *mode;
	uint32		newest_version;
	bool		named;			/* some version has the table's present name */
} CustodyKnownRelation;

typedef struct CustodyVerifyEvents
{
	HTAB	   *relations;
	HTAB	   *keys;
	HTAB	   *incarnations;
	HTAB	   *bodies;
	List	   *witnesses;		/* statements: CustodyWitness * */
} CustodyVerifyEvents;

/* verify_events.c */

/* A table of what is known under a number. */
extern HTAB *custody_known_table(CustodyVerify *v, const char *name, Size entrysize);
/* Find or add, zeroed but for the number. */
extern void *custody_known(HTAB *table, uint32 number, Size entrysize);
extern CustodyKnownRelation *custody_known_relation(CustodyVerify *v, uint32 relation_id);
/* Is the stored text this one? */
extern bool custody_known_text(cc_slice slice, const char *expected);

/* verify_versions.c */

extern void custody_verify_versions_init(CustodyVerify *v);
/* A schema entry was read at the current place. */
extern void custody_verify_schema_event(CustodyVerify *v, const cc_entry *e);
/* After all entries: log_schema as a whole; notes what versions say. */
extern void custody_verify_versions_end(CustodyVerify *v);

/* verify_bodies.c */

extern void custody_verify_bodies_init(CustodyVerify *v);
/* A row says that there must be an event with this body, which is freed. */
extern void custody_verify_body_row(CustodyVerify *v, cc_kind kind, bytea *body);
/* An event was read at the current place; its rows are all known. */
extern void custody_verify_body_event(CustodyVerify *v, const cc_entry *e);
/* After all entries */
extern void custody_verify_bodies_end(CustodyVerify *v);

/* verify_witness.c: what this database did as a witness */

extern void custody_verify_witness_rows(CustodyVerify *v);

/* verify_cosignature.c: the witnesses of this log */

extern void custody_verify_witnesses_rows(CustodyVerify *v);

#endif							/* CUSTODY_VERIFY_EVENTS_H */
