/*
 * relstate.c
 *	  What capture knows of a leaf table.
 *
 * The cache lives in its own context below CacheMemoryContext.  A relcache
 * invalidation only marks a state invalid, since it can arrive while the state
 * is in use; it is rebuilt at the next use.  A state whose schema version was
 * made by a transaction that aborts is invalidated with it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/append.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/relstate.h"
#include "pg/xact.h"

static HTAB *states = NULL;
static CustodyRelState *last_state = NULL;	/* states are never removed */
static bool any_created = false;

static void
invalidate(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS seq;
	CustodyRelState *state;

	if (states == NULL)
		return;
	if (relid != InvalidOid)
	{
		state = hash_search(states, &relid, HASH_FIND, NULL);
		if (state != NULL)
			state->valid = false;
		return;
	}
	hash_seq_init(&seq, states);
	while ((state = hash_seq_search(&seq)) != NULL)
		state->valid = false;
}

/* End of a transaction, or abort of a subtransaction. */
static void
end_transaction(bool committed)
{
	HASH_SEQ_STATUS seq;
	CustodyRelState *state;

	if (!any_created)
		return;
	hash_seq_init(&seq, states);
	while ((state = hash_seq_search(&seq)) != NULL)
	{
		if (state->created && !committed)
			state->valid = false;
		state->created = false;
	}
	any_created = false;
}

void
custody_relstate_init(void)
{
	custody_xact_end_hook = end_transaction;
	CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
}

static CustodyRelState *
find_or_add(Oid relid)
{
	CustodyRelState *state;
	bool		found;

	if (states == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(CustodyRelState);
		ctl.hcxt = CacheMemoryContext;
		states = hash_create("custody relation states", 64, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	state = hash_search(states, &relid, HASH_ENTER, &found);
	if (!found)
	{
		state->valid = false;
		state->created = false;
		state->context = NULL;
	}
	return state;
}

static CustodyProtection *
require_protection(Relation leaf)
{
	Oid			root = custody_schema_root(RelationGetRelid(leaf));
	CustodyProtection *p = custody_schema_protection(root, SnapshotSelf);

	if (p == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_NOT_PROTECTED),
				 errmsg("table \"%s\" has a capture trigger but is not protected",
						RelationGetRelationName(leaf)),
				 errdetail("The ledger knows no protection of this table to record the change under."),
				 errhint("Run \"SELECT custody.protect('%s')\", or drop the trigger.",
						 RelationGetRelationName(leaf))));
	return p;
}

static bool
same_bytes(const bytea *a, const bytea *b)
{
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

/*
 * Do rows of the present definition read as the stored version says?  A table
 * that was rewritten or restored has no more missing values; that the version
 * has some does no harm.
 */
static bool
same_layout(const bytea *stored, const bytea *definition)
{
	CustodyVersion *v;

	if (same_bytes(stored, definition))
		return true;
	v = custody_schema_decode(0, 0, InvalidOid, stored);
	for (int i = 0; i < v->schema.ncolumns; i++)
		v->schema.columns[i].flags &= ~CC_COLUMN_HAS_MISSING;
	return same_bytes(custody_schema_encode(&v->schema), definition);
}

/*
 * The newest version of a leaf, as stored, if it has this layout, else NULL.
 * An older one will not do: the ledger has to say that the layout came back.
 */
static bytea *
find_version(uint32 relation_id, Oid leaf, const bytea *definition,
			 uint32 *newest)
{
	CustodyScan scan;
	ScanKeyData key;
	bytea	   *stored = NULL;

	*newest = 0;

	custody_catalog_key_int4(&key, Anum_schema_relation_id,
							 BTEqualStrategyNumber, (int32) relation_id);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_SCHEMA,
							   CUSTODY_SCHEMA_RELATION_ID, SnapshotSelf,
							   ForwardScanDirection, 1, &key);
	while (custody_catalog_scan_next(&scan))
	{
		uint32		version = DatumGetUInt32(custody_catalog_get(&scan, Anum_schema_version));

		if (DatumGetObjectId(custody_catalog_get(&scan, Anum_schema_leaf)) != leaf ||
			version < *newest)
			continue;
		*newest = version;
		stored = custody_catalog_get_bytea(&scan, Anum_schema_definition);
	}
	custody_catalog_scan_end(&scan);
	return stored != NULL && same_layout(stored, definition) ? stored : NULL;
}

/* Record a new schema version: a control event, and its row for look-ups. */
static uint32
create_version(uint32 relation_id, Oid leaf, bytea *definition)
{
	uint32		version = (uint32) custody_catalog_nextval(CUSTODY_VERSION_NUMBER);
	Datum		values[Anum_schema_definition];
	bool		nulls[Anum_schema_definition] = {0};

	custody_append_event(CC_KIND_SCHEMA, relation_id, version,
						 VARDATA(definition), VARSIZE(definition) - VARHDRSZ);
	values[Anum_schema_version - 1] = UInt32GetDatum(version);
	values[Anum_schema_relation_id - 1] = UInt32GetDatum(relation_id);
	values[Anum_schema_leaf - 1] = ObjectIdGetDatum(leaf);
	values[Anum_schema_definition - 1] = PointerGetDatum(definition);
	custody_catalog_insert(CUSTODY_LOG_SCHEMA, values, nulls);
	return version;
}

static void
build(CustodyRelState *state, Relation leaf)
{
	CustodyProtection *p = require_protection(leaf);
	bytea	   *present = custody_schema_define(leaf, p);
	Oid			relid = RelationGetRelid(leaf);
	uint32		version;
	bytea	   *definition = find_version(p->relation_id, relid, present, &version);
	bool		created = definition == NULL;
	MemoryContext context;
	MemoryContext old;

	/* Entries commit to the definition as the ledger has it. */
	if (created)
	{
		definition = present;
		version = create_version(p->relation_id, relid, definition);
	}

	context = AllocSetContextCreate(CacheMemoryContext, "custody relation state",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	state->layout = custody_schema_decode(version, p->relation_id, relid, definition);
	state->renderer = custody_schema_renderer(leaf, p);
	MemoryContextSwitchTo(old);

	if (state->context != NULL)
		MemoryContextDelete(state->context);
	state->context = context;
	state->relation_id = p->relation_id;
	state->append_only = p->append_only;
	state->version = version;
	state->created = created;
	any_created |= created;
	state->valid = true;
}

CustodyRelState *
custody_relstate_get(Relation leaf)
{
	CustodyRelState *state = last_state;

	if (state == NULL || state->relid != RelationGetRelid(leaf))
		state = last_state = find_or_add(RelationGetRelid(leaf));
	if (unlikely(!state->valid))
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
													  "custody relation state build",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(context);

		build(state, leaf);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
	}
	return state;
}

void
custody_relstate_invalidate(Oid leaf)
{
	CacheInvalidateRelcacheByRelid(leaf);
	invalidate((Datum) 0, leaf);
}
