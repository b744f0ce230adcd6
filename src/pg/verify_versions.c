/*
 * verify_versions.c
 *	  Schema versions: log_schema against the schema entries.
 *
 * Entries are read under the versions they name, so a row of log_schema that
 * is not what its entry says is replaced by it from there on.
 *
 * Memory: versions live in the run's context.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/verify_events.h"

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

int
custody_verify_compare_versions(const ListCell *a, const ListCell *b)
{
	uint32		x = ((CustodyVerifyVersion *) lfirst(a))->version;
	uint32		y = ((CustodyVerifyVersion *) lfirst(b))->version;

	return x < y ? -1 : x > y;
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

void
custody_verify_versions_init(CustodyVerify *v)
{
	CustodyScan scan;

	v->versions = custody_known_table(v, "custody versions", sizeof(CustodyVerifyVersion));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_SCHEMA, CUSTODY_SCHEMA_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		uint32		number = DatumGetUInt32(custody_catalog_get(&scan, Anum_schema_version));
		CustodyVerifyVersion *version = custody_known(v->versions, number, sizeof(CustodyVerifyVersion));
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
void
custody_verify_schema_event(CustodyVerify *v, const cc_entry *e)
{
	MemoryContext old = MemoryContextSwitchTo(v->context);
	CustodyVerifyVersion *version = custody_known(v->versions, e->version, sizeof(CustodyVerifyVersion));
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

/* Does a schema version name the protected table as it is named now? */
static bool
names_table(const CustodyVerifyVersion *version, Oid relid)
{
	char	   *name = get_rel_name(relid);
	char	   *schema = get_namespace_name(get_rel_namespace(relid));

	return name != NULL && custody_known_text(version->schema.table, name) &&
		custody_known_text(version->schema.schema, schema);
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
		CustodyKnownRelation *r = custody_known_relation(v, version->relation_id);

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
			version->readable && custody_known_text(version->schema.leaf_table, name))
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
		CustodyKnownRelation *r = custody_known_relation(v, version->relation_id);

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

void
custody_verify_versions_end(CustodyVerify *v)
{
	end_versions(v);
	check_leaves(v);
}
