/*
 * verify_bodies.c
 *	  Tables whose rows say what control events say: rows and events compared
 *	  as sets of bodies.
 *
 * Each row says the body that its event must have, so that an altered row is
 * one without an event, and an event without a row.
 */
#include "postgres.h"

#include "core/digest.h"
#include "pg/compat.h"
#include "pg/verify_events.h"

/* What a row or an event says. */
typedef struct KnownBody
{
	uint8		digest[CC_DIGEST_SIZE]; /* hash key: of kind and body */
	cc_kind		kind;
	bool		stored;
	bool		announced;
} KnownBody;

/* The table of a kind, and what the codes of its findings begin with. */
static const char *
table_of(cc_kind kind)
{
	return kind == CC_KIND_WITNESS ? "witness" :
		kind == CC_KIND_COSIGNED ? "cosigned" :
		kind == CC_KIND_TRUSTED_LOG ? "trusted_log" : "witness_key";
}

static KnownBody *
known_body(CustodyVerify *v, cc_kind kind, const void *body, size_t len)
{
	uint8		digest[CC_DIGEST_SIZE];
	KnownBody  *known;
	bool		found;

	cc_digest_prefixed(digest, (uint8_t) kind, body, len);
	known = hash_search(v->events->bodies, digest, HASH_ENTER, &found);
	if (!found)
	{
		known->kind = kind;
		known->stored = known->announced = false;
	}
	return known;
}

void
custody_verify_bodies_init(CustodyVerify *v)
{
	HASHCTL		ctl = {0};

	ctl.keysize = CC_DIGEST_SIZE;
	ctl.entrysize = sizeof(KnownBody);
	ctl.hcxt = v->context;
	v->events->bodies = hash_create("custody bodies", 64, &ctl,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
custody_verify_body_row(CustodyVerify *v, cc_kind kind, bytea *body)
{
	known_body(v, kind, VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body))->stored = true;
	pfree(body);
}

void
custody_verify_body_event(CustodyVerify *v, const cc_entry *e)
{
	KnownBody  *known = known_body(v, e->kind, e->body.data, e->body.len);

	known->announced = true;
	if (!known->stored)
		custody_verify_tampering(v, psprintf("%s_missing", table_of(e->kind)), NULL,
								 v->place.leaf_index, custody_verify_where(&v->place),
								 "what an entry says is missing from log_%s, or says something else there",
								 table_of(e->kind));
}

void
custody_verify_bodies_end(CustodyVerify *v)
{
	HASH_SEQ_STATUS seq;
	KnownBody  *known;

	hash_seq_init(&seq, v->events->bodies);
	while ((known = hash_seq_search(&seq)) != NULL)
		if (known->stored && !known->announced)
			custody_verify_tampering(v, psprintf("%s_extra", table_of(known->kind)), NULL,
									 CUSTODY_NO_LEAF, NULL,
									 "log_%s has a row that no entry says", table_of(known->kind));
}
