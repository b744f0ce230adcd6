/*
 * audit.c
 *	  The verification engine.
 *
 * The order in this file is that of a ledger: keys, blocks, transaction
 * records, entries, checkpoints.  Nothing here trusts a stated number: the
 * engine counts for itself and compares.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/audit.h"

#define NO_ENTRY (-1)

/* Room for a salter with its alignment; checked before use. */
#define SALTER_MAX 512
#define SALTER_ALIGN 16

/* Commitments that did not open, as bits. */
#define FAULT_KEY 1
#define FAULT_ROW 2
#define FAULT_OLD_KEY 4
#define FAULT_OVERWRITTEN 8

const char *
cc_finding_text(cc_finding_code code)
{
	switch (code)
	{
		case CC_F_ENTRY_UNREADABLE:
			return "entry_unreadable";
		case CC_F_ENTRY_ALTERED:
			return "entry_altered";
		case CC_F_ENTRIES_ALTERED:
			return "entries_altered";
		case CC_F_ENTRIES_COUNT:
			return "entries_count";
		case CC_F_LEAF_UNREADABLE:
			return "leaf_unreadable";
		case CC_F_LEAF_ORDER:
			return "leaf_order";
		case CC_F_BLOCK_CHAIN:
			return "block_chain";
		case CC_F_CHECKPOINT_UNREADABLE:
			return "checkpoint_unreadable";
		case CC_F_CHECKPOINT_MISMATCH:
			return "checkpoint_mismatch";
		case CC_F_CHECKPOINT_MISSING:
			return "checkpoint_missing";
		case CC_F_SIGNATURE_INVALID:
			return "signature_invalid";
		case CC_F_EPOCH_VIOLATION:
			return "epoch_violation";
		case CC_F_SCHEMA_UNKNOWN:
			return "schema_unknown";
		case CC_F_KEY_UNTRUSTED:
			return "key_untrusted";
		case CC_F_ANCHOR_MISMATCH:
			return "anchor_mismatch";
		case CC_F_ANCHOR_BEYOND:
			return "anchor_beyond";
	}
	return "unlisted";
}

void
cc_finding_add(cc_findings *f, cc_finding_code code, uint64_t leaf,
			   int64_t entry, const char *format, ...)
{
	cc_finding *item;
	va_list		args;

	if (f->n >= CC_FINDINGS_MAX)
	{
		f->dropped++;
		return;
	}
	item = &f->items[f->n++];
	item->code = code;
	item->leaf = leaf;
	item->entry = entry;
	va_start(args, format);
	(void) vsnprintf(item->detail, sizeof(item->detail), format, args);
	va_end(args);
}

void
cc_audit_init(cc_audit *a)
{
	memset(a, 0, sizeof(*a));
	cc_frontier_init(&a->log);
	cc_frontier_init(&a->entry_tree);
	a->signer = -1;
}

/* The head is what the engine itself has computed. */
static void
head_from_tree(cc_audit *a, const char *origin)
{
	uint8_t		root[CC_DIGEST_SIZE];

	cc_frontier_root(&a->log, root);
	cc_checkpoint_digest(a->head_digest, origin, a->log.size, root);
	a->have_head = true;
}

void
cc_audit_resume(cc_audit *a, const cc_frontier *log, const char *origin)
{
	a->log = *log;
	a->diverged = false;
	a->in_block = false;
	a->in_record = false;
	a->have_head = false;
	memset(&a->size_drift, 0, sizeof(a->size_drift));
	if (log->size > 0)
		head_from_tree(a, origin);
	if (a->blocks == 0)
		a->resumed = log->size > 0;
}

/* Does a stated number keep its distance from the counted one? */
static bool
drift_check(cc_audit_drift *d, uint64_t stated, uint64_t counted)
{
	uint64_t	distance = stated - counted;
	uint64_t	now = d->now;

	if (distance == now)
		return true;
	d->now = distance;
	if (distance == d->before)
		return true;
	d->before = now;
	return false;
}

/* Keys */

static bool
same_key(const cc_vkey *a, const cc_vkey *b)
{
	return a->key_len == b->key_len &&
		memcmp(a->key, b->key, a->key_len) == 0;
}

cc_status
cc_audit_key_add(cc_audit *a, uint32_t epoch, const cc_vkey *key)
{
	cc_audit_key *slot;
	int			i;

	for (i = 0; i < a->nkeys; i++)
	{
		const cc_audit_key *k = &a->keys[i];

		if (k->epoch != epoch || k->key.type != key->type)
			continue;
		if (!same_key(&k->key, key))
			return CC_E_MISMATCH;
		if (strcmp(k->key.name, key->name) == 0)
			return CC_OK;
	}
	if (a->nkeys < CC_AUDIT_KEYS)
		slot = &a->keys[a->nkeys++];
	else
	{
		slot = &a->keys[a->oldest_key];
		a->oldest_key = (a->oldest_key + 1) % CC_AUDIT_KEYS;
	}
	slot->epoch = epoch;
	slot->key = *key;
	return CC_OK;
}

/* Blocks */

/* The first leaf of a block; h NULL when it is no readable header. */
static void
block_begin(cc_audit *a, const cc_block *h)
{
	a->in_block = true;
	a->lost = h == NULL;
	a->overrun = false;
	a->have_commit_number = false;
	a->block_first = a->leaf_index;
	a->block_number = a->blocks + a->number_drift.now;
	a->blocks++;
	if (h == NULL)
		return;
	a->block_number = h->number;
	a->block_leaves = h->leaves;
	a->block_epoch = h->epoch;
	a->incarnation = h->incarnation;
	a->block_time = h->time;
	memset(a->origin, 0, sizeof(a->origin));
	if (h->origin.len <= CC_ORIGIN_MAX)
		memcpy(a->origin, h->origin.data, h->origin.len);
}

/* What the header says of the log before it. */
static void
header_check_chain(cc_audit *a, const cc_block *h, cc_findings *f)
{
	static const uint8_t none[CC_DIGEST_SIZE];
	const uint8_t *previous = a->have_head ? a->head_digest : none;
	bool		known = a->have_head || a->leaf_index == 0;
	bool		number;
	bool		first;

	if (a->resumed)
		a->number_drift.now = h->number - a->blocks;
	a->resumed = false;
	number = drift_check(&a->number_drift, h->number, a->blocks);
	first = drift_check(&a->size_drift, h->first_leaf, a->leaf_index);
	if (!number)
		cc_finding_add(f, CC_F_BLOCK_CHAIN, a->leaf_index, NO_ENTRY,
					   "block number %" PRIu64 " does not follow the block before", h->number);
	else if (!first)
		cc_finding_add(f, CC_F_BLOCK_CHAIN, a->leaf_index, NO_ENTRY,
					   "block %" PRIu64 " says it begins at leaf %" PRIu64 " but begins at leaf %" PRIu64,
					   h->number, h->first_leaf, a->leaf_index);
	else if (known && !cc_equal(h->previous, previous, CC_DIGEST_SIZE))
		cc_finding_add(f, CC_F_BLOCK_CHAIN, a->leaf_index, NO_ENTRY,
					   "block %" PRIu64 " does not name the checkpoint before it", h->number);
}

/* What the header says of the signer, against the last signed block. */
static void
header_check_past(cc_audit *a, const cc_block *h, cc_findings *f)
{
	bool		same_origin;

	if (!a->have_past)
		return;
	same_origin = strlen(a->past_origin) == h->origin.len &&
		memcmp(a->past_origin, h->origin.data, h->origin.len) == 0;
	if (h->epoch < a->past_epoch)
		cc_finding_add(f, CC_F_EPOCH_VIOLATION, a->leaf_index, NO_ENTRY,
					   "block %" PRIu64 " goes back from epoch %" PRIu32 " to %" PRIu32,
					   h->number, a->past_epoch, h->epoch);
	if (h->incarnation < a->past_incarnation)
		cc_finding_add(f, CC_F_BLOCK_CHAIN, a->leaf_index, NO_ENTRY,
					   "block %" PRIu64 " goes back from incarnation %" PRIu32 " to %" PRIu32,
					   h->number, a->past_incarnation, h->incarnation);
	else if (h->incarnation == a->past_incarnation && !same_origin)
		cc_finding_add(f, CC_F_BLOCK_CHAIN, a->leaf_index, NO_ENTRY,
					   "block %" PRIu64 " has another origin but the same incarnation", h->number);
}

static bool
block_full(const cc_audit *a)
{
	return a->in_block && !a->lost &&
		a->log.size - a->block_first >= a->block_leaves;
}

bool
cc_audit_block_complete(const cc_audit *a)
{
	return block_full(a);
}

/* Leaves */

static void
leaf_unreadable(cc_audit *a, cc_findings *f)
{
	cc_finding_add(f, CC_F_LEAF_UNREADABLE, a->leaf_index, NO_ENTRY,
				   "neither a transaction record nor a block header of version 1");
	a->leaf_unreadable = true;
	if (!a->in_block)
		block_begin(a, NULL);
}

/* Is the record where one may stand? */
static void
record_check_place(cc_audit *a, const cc_record *r, cc_findings *f)
{
	if (!a->in_block)
	{
		cc_finding_add(f, CC_F_LEAF_ORDER, a->leaf_index, NO_ENTRY,
					   "a transaction record stands where a block header must");
		block_begin(a, NULL);
	}
	else if (!a->lost && !a->overrun &&
			 a->leaf_index - a->block_first >= a->block_leaves)
	{
		cc_finding_add(f, CC_F_LEAF_ORDER, a->leaf_index, NO_ENTRY,
					   "block %" PRIu64 " has more than its %" PRIu32 " leaves",
					   a->block_number, a->block_leaves);
		a->overrun = true;
	}
	if (a->have_commit_number && r->commit_number <= a->last_commit_number)
		cc_finding_add(f, CC_F_LEAF_ORDER, a->leaf_index, NO_ENTRY,
					   "commit number %" PRIu64 " stands after %" PRIu64,
					   r->commit_number, a->last_commit_number);
	if (!a->lost && r->incarnation > a->incarnation)
		cc_finding_add(f, CC_F_LEAF_ORDER, a->leaf_index, NO_ENTRY,
					   "a transaction of incarnation %" PRIu32 " stands in a block of incarnation %" PRIu32,
					   r->incarnation, a->incarnation);
}

static void
record_begin(cc_audit *a, const cc_record *r, cc_findings *f)
{
	record_check_place(a, r, f);
	a->have_commit_number = true;
	a->last_commit_number = r->commit_number;
	a->in_record = true;
	a->transactions++;
	a->entry_count = r->entry_count;
	memcpy(a->entry_root, r->root, CC_DIGEST_SIZE);
}

static void
leaf_append(cc_audit *a, const void *leaf, size_t len,
			uint8_t leaf_hash[CC_DIGEST_SIZE])
{
	cc_merkle_leaf(leaf_hash, leaf, len);
	a->leaf_index = a->log.size;
	cc_frontier_append(&a->log, leaf_hash);
	a->in_record = false;
	a->leaf_unreadable = false;
	a->entry_faults = 0;
	a->entry_tree.size = 0;
}

void
cc_audit_leaf(cc_audit *a, const void *leaf, size_t len,
			  uint8_t leaf_hash[CC_DIGEST_SIZE], cc_findings *f)
{
	cc_record	record;
	cc_block	header;

	if (cc_record_decode(&record, leaf, len) == CC_OK)
	{
		leaf_append(a, leaf, len, leaf_hash);
		record_begin(a, &record, f);
	}
	else if (cc_block_decode(&header, leaf, len) == CC_OK)
	{
		if (a->in_block)
			cc_audit_checkpoint(a, NULL, 0, false, f);
		leaf_append(a, leaf, len, leaf_hash);
		header_check_chain(a, &header, f);
		header_check_past(a, &header, f);
		block_begin(a, &header);
	}
	else
	{
		leaf_append(a, leaf, len, leaf_hash);
		leaf_unreadable(a, f);
	}
}

void
cc_audit_leaf_end(cc_audit *a, cc_findings *f)
{
	uint8_t		root[CC_DIGEST_SIZE];

	if (a->leaf_unreadable)
		return;
	if (!a->in_record)
	{
		if (a->entry_tree.size > 0)
			cc_finding_add(f, CC_F_ENTRIES_COUNT, a->leaf_index, NO_ENTRY,
						   "a block header is followed by %" PRIu64 " entries", a->entry_tree.size);
		return;
	}
	a->in_record = false;
	if (a->entry_tree.size != a->entry_count)
	{
		cc_finding_add(f, CC_F_ENTRIES_COUNT, a->leaf_index, NO_ENTRY,
					   "the transaction has %" PRIu64 " entries but its record counts %" PRIu64,
					   a->entry_tree.size, a->entry_count);
		return;
	}
	cc_frontier_root(&a->entry_tree, root);
	if (a->entry_faults == 0 && !cc_equal(root, a->entry_root, CC_DIGEST_SIZE))
		cc_finding_add(f, CC_F_ENTRIES_ALTERED, a->leaf_index, NO_ENTRY,
					   "the transaction's entries do not hash to the root in its record");
}

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

/* Learn the key of a key entry. */
static cc_status
key_learn(cc_audit *a, cc_slice body, cc_findings *f)
{
	cc_key_event event;
	cc_vkey		key;
	cc_status	status = cc_key_event_decode(&event, body);

	if (status == CC_OK)
		status = cc_vkey_parse(&key, (const char *) event.verifier_key.data,
							   event.verifier_key.len);
	if (status != CC_OK)
		return status;
	if (key.type != CC_SIG_ED25519 && key.type != CC_SIG_ECDSA_P256)
		return CC_E_KEY;
	if (cc_audit_key_add(a, event.epoch, &key) != CC_OK)
		cc_finding_add(f, CC_F_EPOCH_VIOLATION, a->leaf_index,
					   entry_number(a), "a second key for epoch %" PRIu32, event.epoch);
	return CC_OK;
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
			return key_learn(a, e->body, f);
		case CC_KIND_ERASURE:
			return erasure_count(a, e->body);
		case CC_KIND_DISCLOSURE:
			return texts_decode(NULL, e->body, 2, true);
		case CC_KIND_INCARNATION:
			return cc_incarnation_event_decode(&incarnation, e->body);
		case CC_KIND_ENVIRONMENT:
			return texts_decode(NULL, e->body, 3, false);
		default:
			/* A schema definition needs the caller's arrays. */
			return CC_OK;
	}
}

bool
cc_audit_entry(cc_audit *a, cc_entry *e, const void *committed, size_t len,
			   cc_findings *f)
{
	uint8_t		hash[CC_DIGEST_SIZE];
	cc_status	status;

	cc_merkle_leaf(hash, committed, len);
	cc_frontier_append(&a->entry_tree, hash);
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

static bool
key_opens(const uint8_t want[CC_DIGEST_SIZE], const uint8_t *salt,
		  const cc_value *values, const uint16_t *positions, uint16_t k)
{
	uint8_t		got[CC_DIGEST_SIZE];

	cc_key_commit(got, salt, values, positions, k);
	return cc_equal(got, want, CC_DIGEST_SIZE);
}

/* Faults of a whole private part, under a salter of its secret. */
static int
whole_faults(const cc_entry *e, const cc_schema *s, const cc_private *p,
			 const cc_salter *salter)
{
	uint8_t		salt[CC_SALT_SIZE];
	uint8_t		row[CC_DIGEST_SIZE];
	bool		has_row = cc_kind_has_row(e->kind);
	int			faults = 0;

	cc_salter_salt(salter, CC_SALT_KEY, salt);
	if (!key_opens(e->key, salt, p->values,
				   has_row ? cc_schema_key_positions(s) : NULL,
				   cc_schema_key_count(s)))
		faults |= FAULT_KEY;
	if (has_row)
	{
		cc_row_commit(row, salter, p->values, p->nvalues);
		if (!cc_equal(row, e->row, CC_DIGEST_SIZE))
			faults |= FAULT_ROW;
	}
	if (e->flags & CC_ENTRY_KEY_CHANGED)
	{
		cc_salter_salt(salter, CC_SALT_OLD_KEY, salt);
		if (!key_opens(e->old_key, salt, p->old_key, NULL, p->nold_key))
			faults |= FAULT_OLD_KEY;
	}
	return faults;
}

static cc_status
whole_check(int *faults, const cc_entry *e, const cc_schema *s,
			cc_private *p, const void *data, size_t len)
{
	uint8_t		memory[SALTER_MAX + SALTER_ALIGN];
	uintptr_t	over = (uintptr_t) memory % SALTER_ALIGN;
	cc_status	status = cc_private_decode(p, e, s, data, len);

	if (status != CC_OK || p->form == CC_PRIVATE_ERASED)
		return status;
	if (cc_salter_size() > SALTER_MAX)
		return CC_E_SPACE;
	*faults = whole_faults(e, s, p,
						   cc_salter_init(memory + SALTER_ALIGN - over,
										  p->secret));
	cc_wipe(memory, sizeof(memory));
	return CC_OK;
}

/* True, with the salt, when the next item of a redacted part is open. */
static bool
item_open(cc_reader *r, cc_slice *salt)
{
	uint8_t		state = cc_read_u8(r);

	if (state > 1)
		cc_reader_fail(r, CC_E_VALUE);
	if (state != 1)
		return false;
	*salt = cc_read_raw(r, CC_SALT_SIZE);
	return r->status == CC_OK;
}

static bool
redacted_key_opens(cc_reader *r, const uint8_t want[CC_DIGEST_SIZE],
				   cc_value *values, uint16_t k)
{
	cc_slice	salt;
	uint16_t	i;

	if (!item_open(r, &salt))
		return true;
	for (i = 0; i < k; i++)
		cc_read_value(r, &values[i]);
	if (r->status != CC_OK)
		return true;
	return key_opens(want, salt.data, values, NULL, k);
}

static bool
redacted_overwritten_opens(cc_reader *r, const uint8_t want[CC_DIGEST_SIZE])
{
	uint8_t		got[CC_DIGEST_SIZE];
	cc_slice	salt;
	cc_slice	digest;

	if (!item_open(r, &salt))
		return true;
	digest = cc_read_raw(r, CC_DIGEST_SIZE);
	if (r->status != CC_OK)
		return true;
	cc_overwritten_commitment(got, salt.data, digest.data);
	return cc_equal(got, want, CC_DIGEST_SIZE);
}

static void
redacted_column(cc_reader *r, uint8_t out[CC_DIGEST_SIZE], uint16_t position)
{
	cc_slice	item;
	cc_value	value;

	if (item_open(r, &item))
	{
		cc_read_value(r, &value);
		if (r->status == CC_OK)
			cc_column_commitment(out, item.data, position, &value);
		return;
	}
	item = cc_read_raw(r, CC_DIGEST_SIZE);
	if (r->status == CC_OK)
		memcpy(out, item.data, CC_DIGEST_SIZE);
}

/* As cc_row_commitment, over commitments read or recomputed one by one. */
static bool
redacted_row_opens(cc_reader *r, const uint8_t want[CC_DIGEST_SIZE],
				   uint16_t n)
{
	static const uint8_t prefix = 0x11;
	uint8_t		commitment[CC_DIGEST_SIZE] = {0};
	uint8_t		count[2];
	cc_sha256	h;
	uint16_t	i;

	cc_store_u16(count, n);
	cc_sha256_init(&h);
	cc_sha256_update(&h, &prefix, 1);
	cc_sha256_update(&h, count, sizeof(count));
	for (i = 0; i < n && r->status == CC_OK; i++)
	{
		redacted_column(r, commitment, i);
		cc_sha256_update(&h, commitment, sizeof(commitment));
	}
	cc_sha256_final(&h, commitment);
	return r->status != CC_OK ||
		cc_equal(commitment, want, CC_DIGEST_SIZE);
}

static cc_status
redacted_check(int *faults, const cc_entry *e, const cc_schema *s,
			   cc_private *p, const void *data, size_t len)
{
	cc_reader	r;
	uint16_t	k = cc_schema_key_count(s);

	if (k > p->values_capacity)
		return CC_E_SPACE;
	cc_reader_init(&r, data, len);
	(void) cc_read_u8(&r);
	if (!redacted_key_opens(&r, e->key, p->values, k))
		*faults |= FAULT_KEY;
	if (cc_kind_has_overwritten(e->kind) &&
		!redacted_overwritten_opens(&r, e->overwritten))
		*faults |= FAULT_OVERWRITTEN;
	if ((e->flags & CC_ENTRY_KEY_CHANGED) &&
		!redacted_key_opens(&r, e->old_key, p->values, k))
		*faults |= FAULT_OLD_KEY;
	if (cc_kind_has_row(e->kind) &&
		!redacted_row_opens(&r, e->row, s->ncolumns))
		*faults |= FAULT_ROW;
	p->form = CC_PRIVATE_REDACTED;
	return cc_reader_end(&r);
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
		status = whole_check(&faults, e, schema, p, data, len);
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

/* Checkpoints */

/*
 * Is the note signed by the key of the block's epoch?  Of a lost block any
 * known key will do.  Without a key for the epoch, which is reported once an
 * epoch, there is no saying, and the note stands.
 */
static bool
signature_check(cc_audit *a, const cc_checkpoint *c, cc_findings *f)
{
	cc_status	status = CC_E_UNSIGNED;
	bool		keyed = false;
	int			i;

	for (i = 0; i < a->nkeys && a->signer < 0; i++)
	{
		if (!a->lost && a->keys[i].epoch != a->block_epoch)
			continue;
		keyed = true;
		if (strcmp(a->keys[i].key.name, c->origin) != 0)
			continue;
		status = cc_checkpoint_check(c, &a->keys[i].key);
		if (status == CC_OK)
			a->signer = i;
	}
	if (a->signer >= 0)
		return true;
	if (keyed)
	{
		cc_finding_add(f, CC_F_SIGNATURE_INVALID, a->leaf_index, NO_ENTRY,
					   "checkpoint of block %" PRIu64 ": %s",
					   a->block_number, cc_status_text(status));
		return false;
	}
	if (!a->keyless || a->keyless_epoch != a->block_epoch)
		cc_finding_add(f, CC_F_EPOCH_VIOLATION, a->leaf_index, NO_ENTRY,
					   "block %" PRIu64 " is of epoch %" PRIu32 ", of which no key is known",
					   a->block_number, a->block_epoch);
	a->keyless = true;
	a->keyless_epoch = a->block_epoch;
	return true;
}

/* A good signature confirms the header it covers. */
static void
past_remember(cc_audit *a)
{
	a->have_past = true;
	a->past_epoch = a->block_epoch;
	a->past_incarnation = a->incarnation;
	memcpy(a->past_origin, a->origin, sizeof(a->origin));
}

static void
mismatch(cc_audit *a, const char *what, cc_findings *f)
{
	cc_finding_add(f, CC_F_CHECKPOINT_MISMATCH, a->leaf_index, NO_ENTRY,
				   "the checkpoint of block %" PRIu64 " has another %s than the log",
				   a->block_number, what);
}

/*
 * Compare a readable checkpoint with the tree.  Only a checkpoint that may be
 * genuine (credible) makes the engine give up its own tree as the measure.
 */
static void
head_check(cc_audit *a, const cc_checkpoint *c, bool credible, cc_findings *f)
{
	uint8_t		root[CC_DIGEST_SIZE];
	bool		same_origin = a->lost || strcmp(c->origin, a->origin) == 0;
	bool		was_diverged = a->diverged;
	bool		match;
	bool		known_size;

	cc_frontier_root(&a->log, root);
	match = c->size == a->log.size && cc_equal(c->root, root, CC_DIGEST_SIZE);
	if (credible)
	{
		known_size = drift_check(&a->size_drift, c->size, a->log.size);
		a->diverged = !match;
	}
	else
		known_size = c->size - a->log.size == a->size_drift.now;
	if (!same_origin)
		mismatch(a, "origin", f);
	else if (!known_size || (!match && c->size != a->log.size && !was_diverged))
		mismatch(a, "size", f);
	else if (!match && !was_diverged)
		mismatch(a, "root", f);
	else if (!match)
		a->unconfirmed++;
	if (a->signer >= 0 && !a->lost && same_origin && (match || was_diverged))
		past_remember(a);
}

static void
note_check(cc_audit *a, const char *note, size_t len, cc_findings *f)
{
	cc_checkpoint c;
	bool		credible;
	cc_status	status = cc_checkpoint_parse(&c, note, len);

	if (status != CC_OK)
	{
		cc_finding_add(f, CC_F_CHECKPOINT_UNREADABLE, a->leaf_index, NO_ENTRY,
					   "checkpoint of block %" PRIu64 ": %s",
					   a->block_number, cc_status_text(status));
		a->have_head = false;
		return;
	}
	credible = signature_check(a, &c, f);
	head_check(a, &c, credible, f);
	a->have_head = a->diverged && credible;
	if (a->have_head)
		cc_checkpoint_digest(a->head_digest, c.origin, c.size, c.root);
	else if (a->lost && !a->diverged)
		head_from_tree(a, c.origin);
}

void
cc_audit_checkpoint(cc_audit *a, const char *note, size_t len,
					bool allow_missing, cc_findings *f)
{
	a->signer = -1;
	if (!a->in_block)
	{
		cc_finding_add(f, CC_F_CHECKPOINT_MISMATCH, a->leaf_index, NO_ENTRY,
					   "a checkpoint stands where no block has ended");
		return;
	}
	if (!a->lost && !block_full(a))
		cc_finding_add(f, CC_F_LEAF_ORDER, a->leaf_index, NO_ENTRY,
					   "block %" PRIu64 " ends after %" PRIu64 " of %" PRIu32 " leaves",
					   a->block_number, a->log.size - a->block_first, a->block_leaves);
	a->have_head = false;
	if (note != NULL)
		note_check(a, note, len, f);
	else if (!allow_missing)
		cc_finding_add(f, CC_F_CHECKPOINT_MISSING, a->leaf_index, NO_ENTRY,
					   "block %" PRIu64 " has no checkpoint", a->block_number);
	if (!a->have_head && !a->diverged && !a->lost)
		head_from_tree(a, a->origin);
	a->in_block = false;
}

void
cc_audit_end(cc_audit *a, cc_findings *f)
{
	if (a->in_block)
		cc_audit_checkpoint(a, NULL, 0, false, f);
	if (a->unopened > 0)
		cc_finding_add(f, CC_F_SCHEMA_UNKNOWN, a->leaf_index, NO_ENTRY,
					   "%" PRIu64 " more entries could not be opened for want of their schema version",
					   a->unopened);
	if (a->unconfirmed > 0)
		cc_finding_add(f, CC_F_CHECKPOINT_MISMATCH, a->leaf_index, NO_ENTRY,
					   "the roots of %" PRIu64 " more checkpoints could not be confirmed, being of the tree with that fault in it",
					   a->unconfirmed);
}
