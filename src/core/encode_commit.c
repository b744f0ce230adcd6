/*
 * encode_commit.c
 *	  The commitments of a row-level entry from its private part
 *	  (doc/format.md sections 3.3 and 3.4).
 */
#include "core/encode.h"

/* The key of the row after the change; a delete holds its key columns alone. */
static void
commit_key(cc_entry *e, const cc_schema *s, const cc_private *p,
		   cc_salter *salter)
{
	uint8_t		salt[CC_SALT_SIZE];
	const uint16_t *positions = NULL;

	if (cc_kind_has_row(e->kind))
		positions = cc_schema_key_positions(s);
	cc_salter_salt(salter, CC_SALT_KEY, salt);
	cc_key_commit(e->key, s->digest, salt, p->values, positions,
				  cc_schema_key_count(s));
}

static void
commit_rest(cc_entry *e, const cc_schema *s, const cc_private *p,
			cc_salter *salter)
{
	uint8_t		salt[CC_SALT_SIZE];

	if (cc_kind_has_row(e->kind))
		cc_row_commit(e->row, s->digest, salter, p->values, s->ncolumns);
	if (cc_kind_has_overwritten(e->kind))
	{
		cc_salter_salt(salter, CC_SALT_OVERWRITTEN, salt);
		cc_overwritten_commitment(e->overwritten, salt, p->row_digest);
	}
	if (e->flags & CC_ENTRY_KEY_CHANGED)
	{
		cc_salter_salt(salter, CC_SALT_OLD_KEY, salt);
		cc_key_commit(e->old_key, s->digest, salt, p->old_key, NULL,
					  cc_schema_key_count(s));
	}
}

cc_status
cc_entry_commit(cc_entry *e, const cc_schema *s, const cc_private *p,
				cc_salter *salter)
{
	if (p->form != CC_PRIVATE_WHOLE || !cc_kind_is_row(e->kind))
		return CC_E_VALUE;
	cc_salter_begin(salter, p->secret);
	commit_key(e, s, p, salter);
	commit_rest(e, s, p, salter);
	return cc_salter_end(salter);
}
