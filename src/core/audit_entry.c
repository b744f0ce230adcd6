/*
 * audit_entry.c
 *	  The verification engine: entries and their private parts.
 *
 * Whether a transaction's entries are the ones its record counts and hashes
 * is judged at the end of the leaf, in audit.c; here each is judged alone.
 */
#include <inttypes.h>
#include <string.h>

#include "core/audit_epoch.h"
#include "core/redacted.h"

/* Entries */

static int64_t
entry_number(const cc_audit *a)
{
	return (int64_t) a->entry_tree.size - 1;
}

static void
entry_fault(cc_audit *a, cc_finding_code code, const char *detail,
			cc_findings *f)
{
	a->entry_faults++;
	cc_finding_add(f, code, a->leaf_index, entry_number(a), "%s", detail);
}

/* Count of entries, then texts; a disclosure ends in a digest instead. */
static cc_status
texts_decode(uint32_t *count, cc_slice body, int ntexts, bool digest)
{
	cc_reader	r;

	cc_reader_init(&r, body.data, body.len);
	if (count != NULL)
		*count = cc_read_u32(&r);
	while (ntexts-- > 0)
		(void) cc_read_bytes(&r);
	if (digest)
		(void) cc_read_raw(&r, CC_DIGEST_SIZE);
	return cc_reader_end(&r);
}

static cc_status
erasure_count(cc_audit *a, cc_slice body)
{
	uint32_t	count;
	cc_status	status = texts_decode(&count, body, 5, false);

	if (status == CC_OK)
		a->erasures += count;
	return status;
}

/* Is the body of an entry that is not row-level canonical? */
static cc_status
body_check(cc_audit *a, const cc_entry *e, cc_findings *f)
{
	cc_protect_event protect;
	cc_unprotect_event unprotect;
	cc_incarnation_event incarnation;
	cc_cosigned_event cosigned;
	cc_trusted_log_event trusted;
	cc_witness_key_event witness_key;
	cc_witness_event witness;
	cc_environment_event environment;
	uint64_t	count;

	switch (e->kind)
	{
		case CC_KIND_TRUNCATE:
		case CC_KIND_DETACH:
			return cc_count_body_decode(&count, e->body);
		case CC_KIND_PROTECT:
			return cc_protect_event_decode(&protect, e->body);
		case CC_KIND_UNPROTECT:
			return cc_unprotect_event_decode(&unprotect, e->body);
		case CC_KIND_KEY:
			return cc_audit_epoch_key(a, e->body, entry_number(a), f);
		case CC_KIND_ERASURE:
			return erasure_count(a, e->body);
		case CC_KIND_DISCLOSURE:
			return texts_decode(NULL, e->body, 2, true);
		case CC_KIND_INCARNATION:
			return cc_incarnation_event_decode(&incarnation, e->body);
		case CC_KIND_ENVIRONMENT:
			return cc_environment_event_decode(&environment, e->body);
		case CC_KIND_WITNESS:
			return cc_witness_event_decode(&witness, e->body);
		case CC_KIND_COSIGNED:
			return cc_cosigned_event_decode(&cosigned, e->body);
		case CC_KIND_TRUSTED_LOG:
			return cc_trusted_log_event_decode(&trusted, e->body);
		case CC_KIND_WITNESS_KEY:
			return cc_witness_key_event_decode(&witness_key, e->body);
		default:
			/* A schema definition needs the caller's arrays. */
			return CC_OK;
	}
}

bool
cc_audit_entry(cc_audit *a, cc_entry *e, const void *committed, size_t len,
			   cc_findings *f)
{
	cc_status	status;

	cc_merkle_leaf(a->entry_hash, committed, len);
	cc_frontier_append(&a->entry_tree, a->entry_hash);
	a->entries++;
	status = cc_entry_decode(e, committed, len);
	if (status == CC_OK && !cc_kind_is_row(e->kind))
		status = body_check(a, e, f);
	if (status == CC_OK)
		return true;
	entry_fault(a, CC_F_ENTRY_UNREADABLE, cc_status_text(status), f);
	return false;
}

/* Private parts */

/* Both are public, so it may tell by its time how far they agree. */
static bool
same_digest(const uint8_t a[CC_DIGEST_SIZE], const uint8_t b[CC_DIGEST_SIZE])
{
	return memcmp(a, b, CC_DIGEST_SIZE) == 0;
}

/* Faults of a whole private part: what it commits to is not what e says. */
static cc_status
whole_faults(int *faults, const cc_entry *e, const cc_schema *s,
			 const cc_private *p, cc_salter *salter)
{
	cc_entry	made = *e;
	cc_status	status = cc_entry_commit(&made, s, p, salter);

	if (!same_digest(made.key, e->key))
		*faults |= CC_FAULT_KEY;
	if (!same_digest(made.row, e->row))
		*faults |= CC_FAULT_ROW;
	if (!same_digest(made.old_key, e->old_key))
		*faults |= CC_FAULT_OLD_KEY;
	if (!same_digest(made.overwritten, e->overwritten))
		*faults |= CC_FAULT_OVERWRITTEN;
	return status;
}

static cc_status
whole_check(int *faults, const cc_entry *e, const cc_schema *s,
			cc_private *p, cc_salter *salter, const void *data, size_t len)
{
	cc_status	status = cc_private_decode(p, e, s, data, len);

	if (status != CC_OK || p->form == CC_PRIVATE_ERASED)
		return status;
	return whole_faults(faults, e, s, p, salter);
}

static cc_status
redacted_check(int *faults, const cc_entry *e, const cc_schema *s,
			   cc_private *p, const void *data, size_t len)
{
	cc_redacted shown = {0};
	cc_status	status;

	shown.key = p->values;
	shown.capacity = p->values_capacity;
	status = cc_redacted_open(&shown, e, s, data, len);
	*faults = shown.faults;
	p->form = CC_PRIVATE_REDACTED;
	return status;
}

static void
private_empty(cc_private *p)
{
	p->form = CC_PRIVATE_ERASED;
	p->nvalues = 0;
	p->nold_key = 0;
}

/* Name what did not open. */
static void
report_faults(cc_audit *a, int faults, cc_findings *f)
{
	char		names[64] = "";
	static const char *const texts[] = {
		"key", "values", "old key", "overwritten row"
	};
	size_t		i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		if ((faults & (1 << i)) == 0)
			continue;
		if (names[0] != '\0')
			strcat(names, ", ");
		strcat(names, texts[i]);
	}
	a->entry_faults++;
	cc_finding_add(f, CC_F_ENTRY_ALTERED, a->leaf_index, entry_number(a),
				   "what is stored does not open the commitment: %s", names);
}

static bool
row_private_check(cc_audit *a, const cc_entry *e, const cc_schema *schema,
				  cc_private *p, const void *data, size_t len,
				  cc_findings *f)
{
	bool		redacted = len > 0 &&
		*(const uint8_t *) data == CC_PRIVATE_REDACTED;
	int			faults = 0;
	cc_status	status;

	if (redacted)
		status = redacted_check(&faults, e, schema, p, data, len);
	else
		status = whole_check(&faults, e, schema, p, a->salter, data, len);
	if (status != CC_OK)
	{
		private_empty(p);
		a->entry_faults++;
		cc_finding_add(f, CC_F_ENTRY_ALTERED, a->leaf_index, entry_number(a),
					   "the private part is unreadable: %s", cc_status_text(status));
		return false;
	}
	if (p->form != CC_PRIVATE_WHOLE)
		a->withheld++;
	if (faults != 0)
		report_faults(a, faults, f);
	return true;
}

/* An entry that cannot be opened; the first one of a version is reported. */
static void
report_unknown(cc_audit *a, const cc_entry *e, cc_findings *f)
{
	uint64_t	name = (uint64_t) e->relation << 32 | e->version;
	int			i;

	a->entry_faults++;
	for (i = 0; i < a->nunknown; i++)
	{
		if (a->unknown[i] == name)
		{
			a->unopened++;
			return;
		}
	}
	if (a->nunknown < CC_AUDIT_UNKNOWN)
		a->unknown[a->nunknown++] = name;
	cc_finding_add(f, CC_F_SCHEMA_UNKNOWN, a->leaf_index, entry_number(a),
				   "version %" PRIu32 " of relation %" PRIu32 " is not defined before this entry",
				   e->version, e->relation);
}

bool
cc_audit_private(cc_audit *a, const cc_entry *e, const cc_schema *schema,
				 cc_private *p, const void *data, size_t len, cc_findings *f)
{
	private_empty(p);
	if (!cc_kind_is_row(e->kind))
	{
		if (len == 0)
			return true;
		entry_fault(a, CC_F_ENTRY_ALTERED,
					"has a private part, which its kind has not", f);
		return false;
	}
	if (schema == NULL)
	{
		report_unknown(a, e, f);
		return false;
	}
	return row_private_check(a, e, schema, p, data, len, f);
}
