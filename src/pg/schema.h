/*
 * schema.h
 *	  Protected tables and their schema versions.
 *
 * A schema version says how the rows of one leaf table (a partition, or the
 * table itself) are laid out: column names, types, key.  Versions are
 * themselves entries.
 */
#ifndef CUSTODY_SCHEMA_H
#define CUSTODY_SCHEMA_H

#include "core/encode.h"
#include "nodes/pg_list.h"
#include "storage/lock.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "pg/canonical.h"

/* A decoded schema version as stored; allocated in the caller's context. */
typedef struct CustodyVersion
{
	uint32		version;
	uint32		relation_id;
	Oid			leaf;			/* table that held the rows; may be gone */
	bytea	   *definition;		/* what schema's slices point into */
	cc_schema	schema;
} CustodyVersion;

/* One protection, as in log_relation. */
typedef struct CustodyProtection
{
	uint32		relation_id;
	Oid			relid;
	char	   *subject;		/* NULL = none */
	List	   *large_objects;	/* names of columns, char * */
	bool		append_only;
	bool		released;
} CustodyProtection;

/*
 * All protections ever, in order of relation_id, under a snapshot (SnapshotSelf for
 * capture, which must not take predicate locks); list of CustodyProtection *.
 */
extern List *custody_schema_protections(Snapshot snapshot);
/* The live protection of a table, or NULL; relid is the protected root. */
extern CustodyProtection *custody_schema_protection(Oid relid, Snapshot snapshot);
/* Decode a definition; raises when it is not canonical. */
extern CustodyVersion *custody_schema_decode(uint32 version, uint32 relation_id,
											 Oid leaf, const bytea *definition);
/*
 * Load a version from log_schema, NULL if there is none.  One that is not
 * canonical raises or, with tolerant, counts as none.
 */
extern CustodyVersion *custody_schema_load(uint32 version, Snapshot snapshot, bool tolerant);
/* The protected root a leaf's rows belong to: the topmost partitioned
 * ancestor that is protected, or the table itself. */
extern Oid	custody_schema_root(Oid leaf);
/* The bytes of a definition. */
extern bytea *custody_schema_encode(const cc_schema *s);
/* The definition of a leaf's present layout. */
extern bytea *custody_schema_define(Relation leaf, const CustodyProtection *protection);
/* How to render the rows of a leaf under its definition. */
extern CustodyRenderer *custody_schema_renderer(Relation leaf,
												const CustodyProtection *protection);
/* Names of columns as an entry has them: each in double quotes, with commas. */
extern char *custody_schema_list(List *names);
/* The number of a column that is kept in the rows, or InvalidAttrNumber. */
extern AttrNumber custody_schema_attnum(Oid relid, const char *column);
/* Are the rows of a table told apart by key columns? */
extern bool custody_schema_has_key(Relation leaf);
/* Leaf tables with storage of a protected root (itself if plain). */
extern List *custody_schema_leaves(Oid root, LOCKMODE lockmode);

#endif							/* CUSTODY_SCHEMA_H */
