/*
 * encode_entry.c
 *	  Committed part of an entry (doc/format.md section 4).
 *
 * Which digests a row-level entry carries follows from its kind and flags,
 * so writer and reader walk the same list.
 */
#include "core/encode.h"

#include <string.h>

static const struct
{
	cc_kind		kind;
	const char *name;
}			kinds[] = {
	{CC_KIND_BASELINE, "baseline"},
	{CC_KIND_INSERT, "insert"},
	{CC_KIND_UPDATE, "update"},
	{CC_KIND_DELETE, "delete"},
	{CC_KIND_TRUNCATE, "truncate"},
	{CC_KIND_PROTECT, "protect"},
	{CC_KIND_UNPROTECT, "unprotect"},
	{CC_KIND_SCHEMA, "schema version"},
	{CC_KIND_KEY, "key"},
	{CC_KIND_ERASURE, "erasure"},
	{CC_KIND_DISCLOSURE, "disclosure"},
	{CC_KIND_INCARNATION, "incarnation"},
	{CC_KIND_ENVIRONMENT, "environment"},
	{CC_KIND_DETACH, "detach"},
	{CC_KIND_WITNESS, "witness"},
	{CC_KIND_COSIGNED, "cosigned"},
	{CC_KIND_TRUSTED_LOG, "trusted log"},
	{CC_KIND_WITNESS_KEY, "witness key"}
};

#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

/* NULL if the format has no such kind. */
static const char *
kind_name(unsigned int kind)
{
	size_t		i;

	for (i = 0; i < NKINDS; i++)
	{
		if ((unsigned int) kinds[i].kind == kind)
			return kinds[i].name;
	}
	return NULL;
}

const char *
cc_kind_name(cc_kind kind)
{
	const char *name = kind_name((unsigned int) kind);

	return name != NULL ? name : "unlisted kind";
}

bool
cc_kind_is_row(cc_kind kind)
{
	return cc_kind_has_row(kind) || kind == CC_KIND_DELETE;
}

bool
cc_kind_has_row(cc_kind kind)
{
	return kind == CC_KIND_BASELINE || kind == CC_KIND_INSERT ||
		kind == CC_KIND_UPDATE;
}

bool
cc_kind_has_overwritten(cc_kind kind)
{
	return kind == CC_KIND_UPDATE || kind == CC_KIND_DELETE;
}

/* Flags that may be set on a kind. */
static uint8_t
allowed_flags(cc_kind kind)
{
	if (kind == CC_KIND_UPDATE)
		return CC_ENTRY_KEY_CHANGED;
	return kind == CC_KIND_INSERT ? CC_ENTRY_MOVED : 0;
}

void
cc_write_entry(cc_writer *w, const cc_entry *e)
{
	cc_write_u8(w, (uint8_t) e->kind);
	cc_write_u8(w, e->flags);
	cc_write_u32(w, e->relation);
	cc_write_u32(w, e->version);
	if (!cc_kind_is_row(e->kind))
	{
		cc_write_raw(w, e->body.data, e->body.len);
		return;
	}
	cc_write_raw(w, e->key, CC_DIGEST_SIZE);
	if (cc_kind_has_row(e->kind))
		cc_write_raw(w, e->row, CC_DIGEST_SIZE);
	if (cc_kind_has_overwritten(e->kind))
		cc_write_raw(w, e->overwritten, CC_DIGEST_SIZE);
	if (e->flags & CC_ENTRY_KEY_CHANGED)
		cc_write_raw(w, e->old_key, CC_DIGEST_SIZE);
}

/* These control events concern no table. */
static bool
is_of_no_table(cc_kind kind)
{
	return kind == CC_KIND_KEY || kind == CC_KIND_INCARNATION ||
		kind == CC_KIND_ENVIRONMENT || kind == CC_KIND_WITNESS ||
		kind == CC_KIND_COSIGNED || kind == CC_KIND_TRUSTED_LOG ||
		kind == CC_KIND_WITNESS_KEY;
}

bool
cc_entry_head_valid(const cc_entry *e)
{
	return kind_name((unsigned int) e->kind) != NULL &&
		(e->flags & ~allowed_flags(e->kind)) == 0 &&
		!(is_of_no_table(e->kind) && (e->relation != 0 || e->version != 0));
}

static void
read_head(cc_reader *r, cc_entry *e)
{
	e->kind = (cc_kind) cc_read_u8(r);
	e->flags = cc_read_u8(r);
	e->relation = cc_read_u32(r);
	e->version = cc_read_u32(r);
	if (!cc_entry_head_valid(e))
		cc_reader_fail(r, CC_E_VALUE);
}

cc_status
cc_entry_decode(cc_entry *e, const void *data, size_t len)
{
	cc_reader	r;

	memset(e, 0, sizeof(*e));
	cc_reader_init(&r, data, len);
	read_head(&r, e);
	if (!cc_kind_is_row(e->kind))
	{
		e->body = cc_read_raw(&r, r.len - r.pos);
		return cc_reader_end(&r);
	}
	cc_read_digest(&r, e->key);
	if (cc_kind_has_row(e->kind))
		cc_read_digest(&r, e->row);
	if (cc_kind_has_overwritten(e->kind))
		cc_read_digest(&r, e->overwritten);
	if (e->flags & CC_ENTRY_KEY_CHANGED)
		cc_read_digest(&r, e->old_key);
	return cc_reader_end(&r);
}
