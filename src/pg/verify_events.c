/*
 * verify_events.c
 *	  Our own tables against the control events.
 *
 * What is protected, which keys signed and under which origins is kept in
 * tables for quick use; the ledger says the same in control events.  Both must name the same things with the same contents.
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
#include "pg/verify_events.h"

typedef struct KnownKey
{
	uint32		epoch;			/* hash key */
	bool		announced;
	char	   *verifier_key;
	int64		txn_no;
} KnownKey;

typedef struct KnownIncarnation
{
	uint32		incarnation;	/* hash key */
	bool		stored;
	bool		named;			/* by a header or an entry */
	bool		complained;
	char	   *origin;
} KnownIncarnation;

HTAB *
custody_known_table(CustodyVerify *v, const char *name, Size entrysize)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(uint32);
	ctl.entrysize = entrysize;
	ctl.hcxt = v->context;
	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Find or add, zeroed but for the key. */
void *
custody_known(HTAB *table, uint32 key, Size entrysize)
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

CustodyKnownRelation *
custody_known_relation(CustodyVerify *v, uint32 relation_id)
{
	return custody_known(v->events->relations, relation_id, sizeof(CustodyKnownRelation));
}

/* Protections */

static void
load_relations(CustodyVerify *v)
{
	CustodyScan scan;
	ListCell   *lc;

	v->events->relations = custody_known_table(v, "custody relations", sizeof(CustodyKnownRelation));
	foreach(lc, v->protections)
	{
		CustodyProtection *p = lfirst(lc);
		CustodyKnownRelation *r = custody_known_relation(v, p->relation_id);

		r->stored = true;
		r->relid = p->relid;
		r->subject = p->subject ? p->subject : "";
		r->large_objects = custody_schema_list(p->large_objects);
	}
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_RELATION, CUSTODY_RELATION_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		CustodyKnownRelation *r = custody_known_relation(v, DatumGetUInt32(custody_catalog_get(&scan, Anum_relation_relation_id)));

		r->mode = TextDatumGetCString(custody_catalog_get(&scan, Anum_relation_mode));
	}
	custody_catalog_scan_end(&scan);
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_RELEASE, CUSTODY_RELEASE_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
		custody_known_relation(v, DatumGetUInt32(custody_catalog_get(&scan, Anum_release_relation_id)))->release_stored = true;
	custody_catalog_scan_end(&scan);
}

bool
custody_known_text(cc_slice slice, const char *expected)
{
	return expected != NULL &&
		strcmp(custody_verify_text(slice.data, slice.len), expected) == 0;
}

static void
protect_event(CustodyVerify *v, const cc_entry *e)
{
	cc_protect_event event;
	CustodyKnownRelation *r = custody_known_relation(v, e->relation);
	char	   *name;

	if (cc_protect_event_decode(&event, e->body) != CC_OK)
		return;
	r->announced = true;
	name = custody_verify_slice_name(event.schema, event.table);
	if (!r->stored)
		custody_verify_tampering(v, "relation_unlisted", name, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "protection %u is missing from log_relation", e->relation);
	else if (!custody_known_text(event.subject, r->subject))
		custody_verify_tampering(v, "relation_altered", name, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "log_relation names another subject column than the entry of protection %u", e->relation);
	else if (!custody_known_text(event.mode, r->mode))
		custody_verify_tampering(v, "relation_altered", name, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "log_relation names another mode than the entry of protection %u", e->relation);
	else if (!custody_known_text(event.large_objects, r->large_objects))
		custody_verify_tampering(v, "relation_altered", name, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "log_relation names other large objects than the entry of protection %u", e->relation);
}

bool
custody_verify_announced(CustodyVerify *v, uint32 relation_id)
{
	return custody_known_relation(v, relation_id)->announced;
}

static void
unprotect_event(CustodyVerify *v, const cc_entry *e)
{
	cc_unprotect_event event;
	CustodyKnownRelation *r = custody_known_relation(v, e->relation);

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

	v->events->keys = custody_known_table(v, "custody keys", sizeof(KnownKey));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_KEY, CUSTODY_KEY_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		KnownKey   *k = custody_known(v->events->keys,
									  DatumGetUInt32(custody_catalog_get(&scan, Anum_key_epoch)),
									  sizeof(KnownKey));

		k->verifier_key = TextDatumGetCString(custody_catalog_get(&scan, Anum_key_verifier_key));
		k->txn_no = DatumGetInt64(custody_catalog_get(&scan, Anum_key_txn_no));
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
	k = custody_known(v->events->keys, event.epoch, sizeof(KnownKey));
	k->announced = true;
	if (k->verifier_key == NULL)
		custody_verify_tampering(v, "key_missing", NULL, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "the key of epoch %u is missing from log_key", event.epoch);
	else if (!custody_known_text(event.verifier_key, k->verifier_key))
		custody_verify_tampering(v, "key_altered", NULL, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "the key of epoch %u in log_key is not the one its entry names", event.epoch);
	else if (k->txn_no != v->place.txn_no)
		custody_verify_tampering(v, "key_altered", NULL, v->place.leaf_index,
								 custody_verify_where(&v->place),
								 "log_key names another transaction than the one that announced the key of epoch %u", event.epoch);
}

/* Incarnations */

static void
load_incarnations(CustodyVerify *v)
{
	CustodyScan scan;

	v->events->incarnations = custody_known_table(v, "custody incarnations", sizeof(KnownIncarnation));
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_INCARNATION, CUSTODY_INCARNATION_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		KnownIncarnation *k = custody_known(v->events->incarnations,
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
	KnownIncarnation *k = custody_known(v->events->incarnations, incarnation, sizeof(KnownIncarnation));

	k->named = true;
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
	custody_verify_sets_header(v, h);
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
	custody_verify_versions_init(v);
	load_relations(v);
	load_keys(v);
	load_incarnations(v);
	custody_verify_bodies_init(v);
	custody_verify_witness_rows(v);
	custody_verify_witnesses_rows(v);
	custody_verify_environment_init(v);
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
			custody_verify_schema_event(v, e);
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
		case CC_KIND_WITNESS:
		case CC_KIND_COSIGNED:
		case CC_KIND_TRUSTED_LOG:
		case CC_KIND_WITNESS_KEY:
			custody_verify_body_event(v, e);
			break;
		case CC_KIND_ENVIRONMENT:
			custody_verify_environment_event(v, e);
			break;
		default:
			break;
	}
}

static void
end_relations(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	CustodyKnownRelation *r;

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

/* Of an incarnation that began after the last one named there is an entry. */
static void
end_incarnations(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	KnownIncarnation *k;
	uint32		last = 0;

	hash_seq_init(&seq, v->events->incarnations);
	while ((k = hash_seq_search(&seq)) != NULL)
		if (k->named)
			last = Max(last, k->incarnation);
	if (last == 0)
		return;					/* nothing sealed yet */
	hash_seq_init(&seq, v->events->incarnations);
	while ((k = hash_seq_search(&seq)) != NULL)
		if (k->stored && k->incarnation > last)
			custody_verify_tampering(v, "incarnation_extra", NULL, CUSTODY_NO_LEAF, NULL,
									 "incarnation %u in log_incarnation has no entry", k->incarnation);
}

void
custody_verify_events_end(CustodyVerify *v)
{
	custody_verify_versions_end(v);
	end_relations(v);
	end_keys(v);
	end_incarnations(v);
	custody_verify_bodies_end(v);
}
