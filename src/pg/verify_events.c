/*
 * verify_events.c
 *	  Our own tables against the control events.
 *
 * What is protected, how its rows are laid out, which keys signed and under
 * which origins is kept in tables for quick use; the ledger says the same in
 * control events.  Both must name the same things with the same contents.
 * Where they differ the event is believed from there on, since it is hashed.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "pg/catalog.h"
#include "pg/verify.h"

/* A row of log_relation with its events. */
typedef struct KnownRelation
{
	uint32		relation_id;	/* hash key */
	bool		stored;
	bool		announced;
	bool		release_stored;
	bool		release_announced;
	Oid			relid;
	char	   *subject;		/* "" = none */
	char	   *mode;
	uint32		newest_version;
	bool		named;			/* some version has the table's present name */
} KnownRelation;

typedef struct KnownKey
{
	uint32		epoch;			/* hash key */
	bool		announced;
	char	   *verifier_key;
} KnownKey;

typedef struct KnownIncarnation
{
	uint32		incarnation;	/* hash key */
	bool		stored;
	bool		complained;
	char	   *origin;
} KnownIncarnation;

typedef struct CustodyVerifyEvents
{
	HTAB	   *relations;
	HTAB	   *keys;
	HTAB	   *incarnations;
} CustodyVerifyEvents;

static HTAB *
make_table(CustodyVerify *v, const char *name, Size entrysize)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(uint32);
	ctl.entrysize = entrysize;
	ctl.hcxt = v->context;
	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Find or add, zeroed but for the key. */
static void *
known(HTAB *table, uint32 key, Size entrysize)
{
	bool		found;
	void	   *entry = hash_search(table, &key, HASH_ENTER, &found);

	if (!found)
	{
		memset(entry, 0, entrysize);
		memcpy(entry, &key, sizeof(key));
	}
	return entry;
}

static KnownRelation *
known_relation(CustodyVerify *v, uint32 relation_id)
{
	return known(v->events->relations, relation_id, sizeof(KnownRelation));
}

/* Schema versions */

bool
custody_verify_decode_version(CustodyVerifyVersion *version, const void *data, size_t len)
{
	cc_schema  *s = &version->schema;
	size_t		capacity = Min(len / 3 + 1, CC_MAX_COLUMNS);

	version->definition = palloc(VARHDRSZ + len);
	SET_VARSIZE(version->definition, VARHDRSZ + len);
	memcpy(VARDATA(version->definition), data, len);
	memset(s, 0, sizeof(*s));
	s->columns = palloc0(capacity * sizeof(cc_column));
	s->column_capacity = capacity;
	s->key_positions = palloc0(capacity * sizeof(uint16_t));
	s->key_capacity = capacity;
	version->readable = cc_schema_decode(s, VARDATA(version->definition), len) == CC_OK;
	return version->readable;
}

CustodyVerifyVersion *
custody_verify_version(CustodyVerify *v, uint32 number)
{
	return hash_search(v->versions, &number, HASH_FIND, NULL);
}

/*
 * A table that is gone by its OID but there by its name is that table to us:
 * an altered OID must not cut its rows off from their entries.
 */
static void
resolve_leaf(CustodyVerifyVersion *version)
{
	const cc_schema *s = &version->schema;
	Oid			namespace;
	Oid			named;

	version->leaf = version->stored_leaf;
	if (!version->readable || get_rel_relkind(version->leaf) == RELKIND_RELATION)
		return;
	namespace = get_namespace_oid(custody_verify_text(s->leaf_schema.data, s->leaf_schema.len), true);
	if (!OidIsValid(namespace))
		return;
	named = get_relname_relid(custody_verify_text(s->leaf_table.data, s->leaf_table.len), namespace);
	if (OidIsValid(named))
		version->leaf = named;
}

static void
load_versions(CustodyVerify *v)
{
	CustodyScan scan;

	v->versions = make_table(v, "custody versions", sizeof(CustodyVerifyVersion));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_SCHEMA, CUSTODY_SCHEMA_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		uint32		number = DatumGetUInt32(custody_catalog_get(&scan, Anum_schema_version));
		CustodyVerifyVersion *version = known(v->versions, number, sizeof(CustodyVerifyVersion));
		bytea	   *definition = custody_catalog_get_bytea(&scan, Anum_schema_definition);

		version->relation_id = DatumGetUInt32(custody_catalog_get(&scan, Anum_schema_relation_id));
		version->stored_leaf = DatumGetObjectId(custody_catalog_get(&scan, Anum_schema_leaf));
		version->stored = true;
		(void) custody_verify_decode_version(version, VARDATA_ANY(definition),
											 VARSIZE_ANY_EXHDR(definition));
		resolve_leaf(version);
		pfree(definition);
	}
	custody_catalog_scan_end(&scan);
}

/* A schema entry against the row of log_schema, which it replaces if needed. */
static void
schema_event(CustodyVerify *v, const cc_entry *e)
{
	MemoryContext old = MemoryContextSwitchTo(v->context);
	CustodyVerifyVersion *version = known(v->versions, e->version, sizeof(CustodyVerifyVersion));
	bool		same = version->stored && version->relation_id == e->relation &&
		VARSIZE(version->definition) - VARHDRSZ == e->body.len &&
		memcmp(VARDATA(version->definition), e->body.data, e->body.len) == 0;

	if (!same)
	{
		bool		was_stored = version->stored;

		version->relation_id = e->relation;
		if (!custody_verify_decode_version(version, e->body.data, e->body.len))
			custody_verify_tampering(v, "entry_unreadable", NULL, v->place.leaf_index,
									 custody_verify_where(&v->place),
									 "schema version %u is not canonical", e->version);
		resolve_leaf(version);
		custody_verify_tampering(v, was_stored ? "schema_altered" : "schema_missing",
								 custody_verify_version_name(version), v->place.leaf_index,
								 custody_verify_where(&v->place),
								 was_stored ? "schema version %u in log_schema is not what its entry says" :
								 "schema version %u is missing from log_schema",
								 e->version);
	}
	version->announced = true;
	MemoryContextSwitchTo(old);
}

/* Protections */

static void
load_relations(CustodyVerify *v)
{
	CustodyScan scan;
	ListCell   *lc;

	v->events->relations = make_table(v, "custody relations", sizeof(KnownRelation));
	foreach(lc, v->protections)
	{
		CustodyProtection *p = lfirst(lc);
		KnownRelation *r = known_relation(v, p->relation_id);

		r->stored = true;
		r->relid = p->relid;
		r->subject = p->subject ? p->subject : "";
	}
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_RELATION, CUSTODY_RELATION_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		KnownRelation *r = known_relation(v, DatumGetUInt32(custody_catalog_get(&scan, Anum_relation_relation_id)));

		r->mode = TextDatumGetCString(custody_catalog_get(&scan, Anum_relation_mode));
	}
	custody_catalog_scan_end(&scan);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_RELEASE, CUSTODY_RELEASE_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
		known_relation(v, DatumGetUInt32(custody_catalog_get(&scan, Anum_release_relation_id)))->release_stored = true;
	custody_catalog_scan_end(&scan);
}

static bool
slice_is(cc_slice slice, const char *text)
{
	return text != NULL && strcmp(custody_verify_text(slice.data, slice.len), text) == 0;
}

static void
protect_event(CustodyVerify *v, const cc_entry *e)
{
	cc_protect_event event;
	KnownRelation *r = known_relation(v, e->relation);
	char	   *name;

	if (cc_protect_event_decode(&event, e->body) != CC_OK)
		return;
	r->announced = true;
	name = custody_verify_slice_name(event.schema, event.table);
	if (!r->stored)
		custody_verify_tampering(v, "relation_unlisted", name, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "protection %u is missing from log_relation", e->relation);
	else if (!slice_is(event.subject, r->subject))
		custody_verify_tampering(v, "relation_altered", name, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "log_relation names another subject column than the entry of protection %u", e->relation);
	else if (!slice_is(event.mode, r->mode))
		custody_verify_tampering(v, "relation_altered", name, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "log_relation names another mode than the entry of protection %u", e->relation);
}

bool
custody_verify_announced(CustodyVerify *v, uint32 relation_id)
{
	return known_relation(v, relation_id)->announced;
}

static void
unprotect_event(CustodyVerify *v, const cc_entry *e)
{
	cc_unprotect_event event;
	KnownRelation *r = known_relation(v, e->relation);

	if (cc_unprotect_event_decode(&event, e->body) != CC_OK)
		return;
	r->release_announced = true;
	if (!r->release_stored)
		custody_verify_tampering(v, "release_missing",
								 custody_verify_slice_name(event.schema, event.table),
								 v->place.leaf_index, custody_verify_where(&v->place),
								 "the end of protection %u is missing from log_release", e->relation);
}

/* Keys */

static void
load_keys(CustodyVerify *v)
{
	CustodyScan scan;

	v->events->keys = make_table(v, "custody keys", sizeof(KnownKey));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_KEY, CUSTODY_KEY_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		KnownKey   *k = known(v->events->keys,
							  DatumGetUInt32(custody_catalog_get(&scan, Anum_key_epoch)),
							  sizeof(KnownKey));

		k->verifier_key = TextDatumGetCString(custody_catalog_get(&scan, Anum_key_verifier_key));
	}
	custody_catalog_scan_end(&scan);
}

static void
key_event(CustodyVerify *v, const cc_entry *e)
{
	cc_key_event event;
	KnownKey   *k;

	if (cc_key_event_decode(&event, e->body) != CC_OK)
		return;
	k = known(v->events->keys, event.epoch, sizeof(KnownKey));
	k->announced = true;
	if (k->verifier_key == NULL)
		custody_verify_tampering(v, "key_missing", NULL, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "the key of epoch %u is missing from log_key", event.epoch);
	else if (!slice_is(event.verifier_key, k->verifier_key))
		custody_verify_tampering(v, "key_altered", NULL, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "the key of epoch %u in log_key is not the one its entry names", event.epoch);
}

/* Incarnations */

static void
load_incarnations(CustodyVerify *v)
{
	CustodyScan scan;

	v->events->incarnations = make_table(v, "custody incarnations", sizeof(KnownIncarnation));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_INCARNATION, CUSTODY_INCARNATION_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		KnownIncarnation *k = known(v->events->incarnations,
									DatumGetUInt32(custody_catalog_get(&scan, Anum_incarnation_incarnation)),
									sizeof(KnownIncarnation));

		k->stored = true;
		k->origin = TextDatumGetCString(custody_catalog_get(&scan, Anum_incarnation_origin));
	}
	custody_catalog_scan_end(&scan);
}

/* An origin the ledger names for an incarnation, once for each fault. */
static void
check_incarnation(CustodyVerify *v, uint32 incarnation, cc_slice origin, int64 leaf_index)
{
	KnownIncarnation *k = known(v->events->incarnations, incarnation, sizeof(KnownIncarnation));

	if (k->complained)
		return;
	if (k->stored && strlen(k->origin) == origin.len &&
		memcmp(k->origin, origin.data, origin.len) == 0)
		return;
	k->complained = true;
	custody_verify_tampering(v, k->stored ? "incarnation_altered" : "incarnation_missing",
							 NULL, leaf_index, NULL,
							 k->stored ? "log_incarnation names another origin than the ledger for incarnation %u" :
							 "incarnation %u is missing from log_incarnation",
							 incarnation);
}

void
custody_verify_block_header(CustodyVerify *v, const cc_block *h, int64 leaf_index)
{
	check_incarnation(v, h->incarnation, h->origin, leaf_index);
}

static void
incarnation_event(CustodyVerify *v, const cc_entry *e)
{
	cc_incarnation_event event;

	if (cc_incarnation_event_decode(&event, e->body) == CC_OK)
		check_incarnation(v, event.incarnation, event.origin, v->place.leaf_index);
}

/* Together */

void
custody_verify_events_init(CustodyVerify *v)
{
	v->events = palloc0(sizeof(CustodyVerifyEvents));
	load_versions(v);
	load_relations(v);
	load_keys(v);
	load_incarnations(v);
}

void
custody_verify_event(CustodyVerify *v, const cc_entry *e)
{
	CustodyVerifyVersion *version;

	switch (e->kind)
	{
		case CC_KIND_DETACH:
			version = custody_verify_version(v, e->version);
			if (version != NULL)
				version->detached = true;
			break;
		case CC_KIND_SCHEMA:
			schema_event(v, e);
			break;
		case CC_KIND_PROTECT:
			protect_event(v, e);
			break;
		case CC_KIND_UNPROTECT:
			unprotect_event(v, e);
			break;
		case CC_KIND_KEY:
			key_event(v, e);
			break;
		case CC_KIND_INCARNATION:
			incarnation_event(v, e);
			break;
		default:
			break;
	}
}

/* Does a schema version name the protected table as it is named now? */
static bool
names_table(const CustodyVerifyVersion *version, Oid relid)
{
	char	   *name = get_rel_name(relid);

	/* Renaming a schema makes no version until the next change. */
	return name != NULL && slice_is(version->schema.table, name);
}

/* Rows of log_schema that no entry announced; note what versions say. */
static void
end_versions(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	CustodyVerifyVersion *version;

	hash_seq_init(&seq, v->versions);
	while ((version = hash_seq_search(&seq)) != NULL)
	{
		KnownRelation *r = known_relation(v, version->relation_id);

		if (!version->announced)
		{
			custody_verify_tampering(v, "schema_extra", custody_verify_version_name(version),
									 CUSTODY_NO_LEAF, NULL,
									 "schema version %u in log_schema has no entry", version->version);
			continue;
		}
		if (!version->readable)
			continue;
		r->newest_version = Max(r->newest_version, version->version);
		if (r->stored && !r->release_stored && !r->named)
			r->named = names_table(version, r->relid);
	}
}

/* Does some version of the protection name the table of this OID so? */
static bool
is_named(CustodyVerify *v, uint32 relation_id, Oid leaf)
{
	char	   *name = get_rel_name(leaf);
	HASH_SEQ_STATUS seq;
	CustodyVerifyVersion *version;

	if (name == NULL || get_rel_relkind(leaf) != RELKIND_RELATION)
		return false;
	hash_seq_init(&seq, v->versions);
	while ((version = hash_seq_search(&seq)) != NULL)
		if (version->relation_id == relation_id && version->stored_leaf == leaf &&
			version->readable && slice_is(version->schema.leaf_table, name))
		{
			hash_seq_term(&seq);
			return true;
		}
	return false;
}

/* Tables that left their protection by an entry; list of OIDs. */
static List *
detached_leaves(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	CustodyVerifyVersion *version;
	List	   *result = NIL;

	hash_seq_init(&seq, v->versions);
	while ((version = hash_seq_search(&seq)) != NULL)
		if (version->detached)
			result = list_append_unique_oid(result, version->stored_leaf);
	return result;
}

/*
 * log_schema names tables by OID, entries by name.  Some entry must name the
 * table that has the OID, or say that its table left; else it was altered.
 */
static void
check_leaves(CustodyVerify *v)
{
	List	   *detached = detached_leaves(v);
	HASH_SEQ_STATUS seq;
	CustodyVerifyVersion *version;

	hash_seq_init(&seq, v->versions);
	while ((version = hash_seq_search(&seq)) != NULL)
	{
		KnownRelation *r = known_relation(v, version->relation_id);

		if (!version->announced || !version->stored || !version->readable ||
			!r->stored || r->release_stored ||
			!custody_verify_is_table(r->relid) ||
			list_member_oid(detached, version->stored_leaf) ||
			is_named(v, version->relation_id, version->stored_leaf))
			continue;
		custody_verify_tampering(v, "schema_altered", custody_verify_version_name(version),
								 CUSTODY_NO_LEAF, NULL,
								 "schema version %u in log_schema names table %u, which no entry names",
								 version->version, version->stored_leaf);
	}
}

static void
end_relations(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	KnownRelation *r;

	hash_seq_init(&seq, v->events->relations);
	while ((r = hash_seq_search(&seq)) != NULL)
	{
		char	   *name = custody_verify_version_name(custody_verify_version(v, r->newest_version));

		if (r->stored && r->announced && !r->release_stored && !r->named &&
			name != NULL && get_rel_name(r->relid) != NULL)
			custody_verify_tampering(v, "relation_altered", name, CUSTODY_NO_LEAF, NULL,
									 "log_relation names table %s for protection %u, which no schema version names",
									 custody_verify_relname(r->relid), r->relation_id);
		if (r->stored && !r->announced)
			custody_verify_tampering(v, "relation_extra", name, CUSTODY_NO_LEAF, NULL,
									 "protection %u in log_relation has no entry", r->relation_id);
		if (r->release_stored && !r->release_announced)
			custody_verify_tampering(v, "release_extra", name, CUSTODY_NO_LEAF, NULL,
									 "protection %u is ended in log_release without an entry", r->relation_id);
	}
}

static void
end_keys(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	KnownKey   *k;

	hash_seq_init(&seq, v->events->keys);
	while ((k = hash_seq_search(&seq)) != NULL)
		if (k->verifier_key != NULL && !k->announced)
			custody_verify_tampering(v, "key_extra", NULL, CUSTODY_NO_LEAF, NULL,
									 "the key of epoch %u in log_key has no entry", k->epoch);
}

void
custody_verify_events_end(CustodyVerify *v)
{
	end_versions(v);
	check_leaves(v);
	end_relations(v);
	end_keys(v);
}
