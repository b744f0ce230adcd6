/*
 * audit.c
 *	  The verification engine: blocks, leaves and checkpoints.
 *
 * Keys and epochs are in audit_epoch.c, entries in audit_entry.c.  Nothing here trusts a stated number: the
 * engine counts for itself and compares.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/audit_epoch.h"

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
		case CC_F_KEY_UNPROVEN:
			return "key_unproven";
		case CC_F_HANDOVER_UNSIGNED:
			return "handover_unsigned";
		case CC_F_SCHEMA_UNKNOWN:
			return "schema_unknown";
		case CC_F_KEY_UNTRUSTED:
			return "key_untrusted";
		case CC_F_KEY_ORDER:
			return "key_order";
		case CC_F_ANCHOR_MISMATCH:
			return "anchor_mismatch";
		case CC_F_ANCHOR_BEYOND:
			return "anchor_beyond";
		case CC_F_COSIGNATURE_INVALID:
			return "cosignature_invalid";
		case CC_F_QUORUM_MISSING:
			return "quorum_missing";
		case CC_F_ENVIRONMENT_MISMATCH:
			return "environment_mismatch";
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
cc_audit_init(cc_audit *a, cc_salter *salter)
{
	memset(a, 0, sizeof(*a));
	a->salter = salter;
	cc_frontier_init(&a->log);
	cc_frontier_init(&a->entry_tree);
	a->signer = -1;
	a->successor = -1;
	a->sequence_known = true;
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
	if (a->blocks > 0)
		return;
	a->resumed = log->size > 0;
	a->sequence_known = log->size == 0;
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
	cc_audit_epoch_begin(a);
	if (h == NULL)
		return;
	a->block_number = h->number;
	a->block_leaves = h->leaves;
	a->block_epoch = h->epoch;
	a->incarnation = h->incarnation;
	a->block_time = h->time;
	memcpy(a->block_environment, h->environment, CC_DIGEST_SIZE);
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
	cc_audit_epoch_header(a, h, f);
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

/* Nothing has excused a block for having no checkpoint. */
static void
owed_report(cc_audit *a, cc_findings *f)
{
	if (a->owed)
		cc_finding_add(f, CC_F_CHECKPOINT_MISSING, a->owed_leaf, NO_ENTRY,
					   "block %" PRIu64 " has no checkpoint", a->owed_block);
	a->owed = false;
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
		if (header.incarnation > a->owed_incarnation)
			a->owed = false;
		owed_report(a, f);
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

void
cc_audit_entries_checked(cc_audit *a)
{
	a->entries += a->entry_count;
	a->in_record = false;
}

/* Checkpoints */

/* A good signature confirms the header it covers. */
static void
past_remember(cc_audit *a)
{
	a->have_past = true;
	a->past_last = true;
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
	bool		same_size = c->size == a->log.size;
	bool		was_diverged = a->diverged;
	cc_audit_drift drift = a->size_drift;
	bool		same_drift = drift_check(&drift, c->size, a->log.size);
	bool		match;

	cc_frontier_root(&a->log, root);
	match = same_size && cc_equal(c->root, root, CC_DIGEST_SIZE);
	if (credible)
	{
		a->size_drift = drift;
		a->diverged = !match;
	}
	if (!same_origin)
		mismatch(a, "origin", f);
	else if (!same_drift || (!same_size && !was_diverged))
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
	credible = cc_audit_epoch_signature(a, &c, f);
	head_check(a, &c, credible, f);
	cc_audit_epoch_handover(a, &c, f);
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
	a->successor = -1;
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
	{
		a->owed = true;
		a->owed_leaf = a->leaf_index;
		a->owed_block = a->block_number;
		a->owed_incarnation = a->incarnation;
	}
	if (!a->have_head && !a->diverged && !a->lost)
		head_from_tree(a, a->origin);
	a->next_epoch = a->handover;
	a->in_block = false;
}

void
cc_audit_end(cc_audit *a, cc_findings *f)
{
	if (a->in_block)
		cc_audit_checkpoint(a, NULL, 0, false, f);
	owed_report(a, f);
	if (a->unopened > 0)
		cc_finding_add(f, CC_F_SCHEMA_UNKNOWN, a->leaf_index, NO_ENTRY,
					   "%" PRIu64 " more entries could not be opened for want of their schema version",
					   a->unopened);
	if (a->unconfirmed > 0)
		cc_finding_add(f, CC_F_CHECKPOINT_MISMATCH, a->leaf_index, NO_ENTRY,
					   "the roots of %" PRIu64 " more checkpoints could not be confirmed, being of the tree with that fault in it",
					   a->unconfirmed);
}
