/*
 * bundle_signer.c
 *	  Whether who signed and cosigned the blocks of a bundle is trusted.
 */
#include <string.h>

#include "bundle.h"

/* Its number among the trusted keys; their count if it is none. */
static size_t
find_trusted(const BundleVerifier *v, const cc_vkey *key)
{
	size_t		i;

	for (i = 0; i < v->trust.nkeys; i++)
	{
		const cc_vkey *trusted = &v->trust.keys[i];

		if (trusted->type == key->type && trusted->key_len == key->key_len &&
			memcmp(trusted->key, key->key, key->key_len) == 0 &&
			strcmp(trusted->name, key->name) == 0)
			break;
	}
	return i;
}

/*
 * Keys are given in the order of their epochs, so none signs before one of its
 * name that was given before it: else whoever stole the last one could make
 * the log anew from the beginning.
 */
static void
check_order(BundleVerifier *v, size_t number)
{
	const cc_vkey *key = &v->trust.keys[number];
	size_t		i;

	if (number >= v->ngiven || v->has_signed[number])
		return;
	v->has_signed[number] = true;
	for (i = 0; i < number; i++)
	{
		const cc_vkey *before = &v->trust.keys[i];

		if (v->has_signed[i] || strcmp(before->name, key->name) != 0)
			continue;
		cc_finding_add(&v->findings, CC_F_KEY_ORDER, v->audit.leaf_index, -1,
					   "the key of id %08" PRIx32 " signs here, but the one of id %08" PRIx32 ", which was given before it, has not signed",
					   key->id, before->id);
		break;
	}
}

void
bundle_signer_check(BundleVerifier *v)
{
	const cc_audit *a = &v->audit;
	const cc_audit_key *k;
	size_t		number;

	if (a->signer < 0)
		return;
	k = &a->keys[a->signer];
	number = find_trusted(v, &k->key);
	if (number < v->trust.nkeys)
	{
		check_order(v, number);
		if (a->successor >= 0 &&
			find_trusted(v, &a->keys[a->successor].key) == v->trust.nkeys)
			trust_follow(&v->trust, &a->keys[a->successor].key);
		return;
	}
	if (v->untrusted.key_len == k->key.key_len &&
		memcmp(v->untrusted.key, k->key.key, k->key.key_len) == 0)
		return;
	v->untrusted = k->key;
	cc_finding_add(&v->findings, CC_F_KEY_UNTRUSTED, a->leaf_index, -1,
				   "the key of epoch %" PRIu32 ", id %08" PRIx32 ", is not among the trusted ones",
				   k->epoch, k->key.id);
}

void
bundle_quorum_check(BundleVerifier *v, const cc_bundle_line *line)
{
	cc_checkpoint c;

	if (cc_checkpoint_parse(&c, (const char *) line->first.data, line->first.len) != CC_OK)
		return;
	v->quorum = note_quorum(&v->trust, &c);
	if (v->quorum == CC_OK)
		v->cosigned = v->audit.log.size;
	else if (v->quorum != CC_E_QUORUM && v->quorum != CC_E_UNSUPPORTED)
		cc_finding_add(&v->findings, CC_F_COSIGNATURE_INVALID, v->audit.leaf_index, -1,
					   "checkpoint of size %" PRIu64 ": %s", c.size, cc_status_text(v->quorum));
}

void
bundle_quorum_judge(BundleVerifier *v)
{
	uint64_t	size = v->audit.log.size;

	if (v->trust.policy == NULL || v->cosigned == size)
		return;
	if (v->quorum == CC_E_UNSUPPORTED)
		cannot("the cosignatures of the last checkpoint: %s", cc_status_text(v->quorum));
	cc_finding_add(&v->findings, CC_F_QUORUM_MISSING, size - 1, -1,
				   "%" PRIu64 " leaves after size %" PRIu64 " are not cosigned by the witnesses that the policy asks for",
				   size - v->cosigned, v->cosigned);
	bundle_report(v, NULL);
}
