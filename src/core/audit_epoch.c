/*
 * audit_epoch.c
 *	  The verification engine: keys, epochs, signatures, and how one key hands
 *	  over to the next (doc/format.md section 6.3).
 *
 * Key entries name epochs 1, 2, 3 and so on in the order of the log.  Within an
 * incarnation the block that announces the next key is the last of its epoch
 * and its checkpoint carries the signatures of both; the next block is of the
 * new epoch.  A new incarnation begins with a key of its own, under its own
 * origin.  A key under another origin than its block's was announced in a life
 * that ended before it was used.
 */
#include <inttypes.h>
#include <string.h>

#include "core/audit_epoch.h"
#include "core/keyevent.h"

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

		if (k->epoch != epoch)
			continue;
		return k->key.type == key->type && same_key(&k->key, key) &&
			strcmp(k->key.name, key->name) == 0 ? CC_OK : CC_E_MISMATCH;
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

/*
 * Is it the epoch after the last announced?  Of a key that is not proven to be
 * held enough has been said, and so of an epoch of which no key is known.
 */
static bool
check_sequence(cc_audit *a, uint32_t epoch, bool proven, int64_t entry, cc_findings *f)
{
	uint32_t	last = a->last_announced;
	bool		known = a->sequence_known;

	a->sequence_known = true;
	if (!known || epoch == last + 1 ||
		(epoch > last && a->keyless && a->keyless_epoch == epoch - 1))
	{
		a->last_announced = epoch;
		return true;
	}
	if (epoch > last)
		a->last_announced++;
	if (!proven)
		return false;
	if (epoch <= last)
		cc_finding_add(f, CC_F_EPOCH_VIOLATION, a->leaf_index, entry,
					   "a second key for epoch %" PRIu32, epoch);
	else
		cc_finding_add(f, CC_F_EPOCH_VIOLATION, a->leaf_index, entry,
					   "the key of epoch %" PRIu32 " follows that of epoch %" PRIu32, epoch, last);
	return false;
}

/* May the block announce this key: its own, or the one after it? */
static void
check_block(cc_audit *a, uint32_t epoch, bool proven, int64_t entry, cc_findings *f)
{
	if (epoch == a->block_epoch)
		return;
	if (epoch == a->block_epoch + 1 && a->handover == 0)
	{
		a->handover = epoch;
		a->handover_proven = proven;
		return;
	}
	if (proven)
		cc_finding_add(f, CC_F_EPOCH_VIOLATION, a->leaf_index, entry,
					   "the key of epoch %" PRIu32 " is announced in a block of epoch %" PRIu32,
					   epoch, a->block_epoch);
}

cc_status
cc_audit_epoch_key(cc_audit *a, cc_slice body, int64_t entry, cc_findings *f)
{
	cc_key_event event;
	cc_vkey		key;
	cc_status	status = cc_key_event_decode(&event, body);
	bool		proven;
	bool		known;

	if (status == CC_OK)
		status = cc_key_event_key(&key, &event);
	if (status != CC_OK)
		return status;
	proven = cc_key_event_check(&event, &key) == CC_OK;
	known = cc_audit_key_add(a, event.epoch, &key) == CC_OK;
	if (!proven)
		cc_finding_add(f, CC_F_KEY_UNPROVEN, a->leaf_index, entry,
					   "the key of epoch %" PRIu32 " comes without a valid proof that its private key is held",
					   event.epoch);
	if (!check_sequence(a, event.epoch, proven, entry, f))
		return CC_OK;
	if (proven && !known)
		cc_finding_add(f, CC_F_EPOCH_VIOLATION, a->leaf_index, entry,
					   "a second key for epoch %" PRIu32, event.epoch);
	if (strcmp(key.name, a->origin) == 0)
		check_block(a, event.epoch, proven, entry, f);
	return CC_OK;
}

/* Blocks */

void
cc_audit_epoch_begin(cc_audit *a)
{
	/* Of a block whose header is lost the epoch is still foreseen. */
	if (a->next_epoch != 0)
		a->block_epoch = a->next_epoch;
	a->next_epoch = 0;
	a->handover = 0;
	a->past_last = false;
}

void
cc_audit_past(cc_audit *a, const cc_block *last, uint32_t announced, uint32_t next_epoch)
{
	a->have_past = true;
	a->past_last = true;
	a->past_epoch = a->block_epoch = last->epoch;
	a->past_incarnation = a->incarnation = last->incarnation;
	memset(a->past_origin, 0, sizeof(a->past_origin));
	if (last->origin.len <= CC_ORIGIN_MAX)
		memcpy(a->past_origin, last->origin.data, last->origin.len);
	memcpy(a->origin, a->past_origin, sizeof(a->origin));
	a->sequence_known = announced != 0;
	a->last_announced = announced;
	a->next_epoch = next_epoch;
}

void
cc_audit_epoch_header(cc_audit *a, const cc_block *h, cc_findings *f)
{
	if (h->epoch < a->past_epoch)
		cc_finding_add(f, CC_F_EPOCH_VIOLATION, a->leaf_index, NO_ENTRY,
					   "block %" PRIu64 " goes back from epoch %" PRIu32 " to %" PRIu32,
					   h->number, a->past_epoch, h->epoch);
	/* After a block in doubt, or in another life, there is no saying. */
	else if (!a->past_last || h->incarnation != a->past_incarnation)
		return;
	else if (a->next_epoch != 0 && h->epoch == a->past_epoch)
		cc_finding_add(f, CC_F_EPOCH_VIOLATION, a->leaf_index, NO_ENTRY,
					   "block %" PRIu64 " is of epoch %" PRIu32 ", which ended with the block before",
					   h->number, h->epoch);
	else if (h->epoch != (a->next_epoch != 0 ? a->next_epoch : a->past_epoch))
		cc_finding_add(f, CC_F_EPOCH_VIOLATION, a->leaf_index, NO_ENTRY,
					   "block %" PRIu64 " is of epoch %" PRIu32 ", to which the block before, of epoch %" PRIu32 ", did not hand over",
					   h->number, h->epoch, a->past_epoch);
}

/* Checkpoints */

bool
cc_audit_epoch_signature(cc_audit *a, const cc_checkpoint *c, cc_findings *f)
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

void
cc_audit_epoch_handover(cc_audit *a, const cc_checkpoint *c, cc_findings *f)
{
	cc_status	status = CC_E_UNSIGNED;
	int			i;

	if (a->handover == 0)
		return;
	for (i = 0; i < a->nkeys; i++)
		if (a->keys[i].epoch == a->handover && strcmp(a->keys[i].key.name, c->origin) == 0)
		{
			status = cc_checkpoint_check(c, &a->keys[i].key);
			break;
		}
	if (status != CC_OK)
		cc_finding_add(f, CC_F_HANDOVER_UNSIGNED, a->leaf_index, NO_ENTRY,
					   "checkpoint of block %" PRIu64 " hands over to the key of epoch %" PRIu32 ", which did not sign it: %s",
					   a->block_number, a->handover, cc_status_text(status));
	else if (a->signer >= 0 && a->past_last && !a->diverged && a->handover_proven)
		a->successor = i;
}
