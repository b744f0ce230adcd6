/*
 * bundle_anchor.c
 *	  The ledger of a bundle against checkpoints kept elsewhere, and what its
 *	  incarnation entries say became of them.
 */
#include <stdlib.h>
#include <string.h>

#include "bundle.h"

void
bundle_anchor_add(BundleVerifier *v, const char *file)
{
	v->anchors = allocate(v->anchors, v->nanchors + 1, sizeof(*v->anchors));
	memset(&v->anchors[v->nanchors], 0, sizeof(*v->anchors));
	v->anchors[v->nanchors].file = file;
	v->nanchors++;
}

static int
compare_anchors(const void *a, const void *b)
{
	uint64_t	x = ((const Anchor *) a)->size;
	uint64_t	y = ((const Anchor *) b)->size;

	return (x > y) - (x < y);
}

void
bundle_anchors_load(BundleVerifier *v)
{
	cc_checkpoint c;
	size_t		i;

	for (i = 0; i < v->nanchors; i++)
	{
		Anchor	   *anchor = &v->anchors[i];

		anchor->len = read_checkpoint(&c, &anchor->note, anchor->file);
		memcpy(anchor->origin, c.origin, sizeof(anchor->origin));
		memcpy(anchor->root, c.root, sizeof(anchor->root));
		anchor->size = c.size;
	}
	if (v->nanchors > 0)
		qsort(v->anchors, v->nanchors, sizeof(*v->anchors), compare_anchors);
}

void
bundle_anchors_compare(BundleVerifier *v)
{
	const cc_audit *a = &v->audit;
	uint8_t		root[CC_DIGEST_SIZE];

	while (v->next_anchor < v->nanchors &&
		   v->anchors[v->next_anchor].size <= a->log.size)
	{
		Anchor	   *anchor = &v->anchors[v->next_anchor++];

		cc_frontier_root(&a->log, root);
		anchor->leaf = a->leaf_index;
		if (!cc_equal(root, anchor->root, CC_DIGEST_SIZE))
			anchor->state = ANCHOR_WRONG_ROOT;
		else if (anchor->size > 0 && !a->lost &&
				 strcmp(a->origin, anchor->origin) != 0)
			anchor->state = ANCHOR_WRONG_ORIGIN;
		else
			anchor->state = ANCHOR_GOOD;
	}
}

/* Does an incarnation entry own up to having lost what the anchor covers? */
static bool
explained(const BundleVerifier *v, const Anchor *anchor)
{
	size_t		i;

	for (i = 0; i < v->nforks; i++)
	{
		const Fork *k = &v->forks[i];

		if (strcmp(k->origin, anchor->origin) != 0 ||
			anchor->size <= k->kept || anchor->size > k->size)
			continue;
		if (anchor->size < k->size ||
			cc_equal(k->root, anchor->root, CC_DIGEST_SIZE))
			return true;
	}
	return false;
}

static void
judge_anchor(BundleVerifier *v, const Anchor *anchor)
{
	uint64_t	size = v->audit.log.size;

	if (anchor->state == ANCHOR_GOOD)
		return;
	if (explained(v, anchor))
		bundle_notice(v, "the anchor in \"%s\" is of leaves that an incarnation entry says were lost", anchor->file);
	else if (anchor->state == ANCHOR_PENDING)
		cc_finding_add(&v->findings, CC_F_ANCHOR_BEYOND, size == 0 ? 0 : size - 1, -1,
					   "%" PRIu64 " leaves after the last one are missing, by the anchor in \"%s\"",
					   anchor->size - size, anchor->file);
	else
		cc_finding_add(&v->findings, CC_F_ANCHOR_MISMATCH, anchor->leaf, -1,
					   "at size %" PRIu64 " the log has another %s than the anchor in \"%s\"",
					   anchor->size, anchor->state == ANCHOR_WRONG_ROOT ? "root" : "origin", anchor->file);
	bundle_report(v, NULL);
}

void
bundle_anchors_judge(BundleVerifier *v)
{
	cc_checkpoint c;
	size_t		i;

	for (i = 0; i < v->nanchors; i++)
	{
		Anchor	   *anchor = &v->anchors[i];

		if (cc_checkpoint_parse(&c, anchor->note, anchor->len) != CC_OK)
			continue;
		require_signed(&v->trust, &c, anchor->file);
	}
	for (i = 0; i < v->nanchors; i++)
		judge_anchor(v, &v->anchors[i]);
}

void
bundle_anchors_free(BundleVerifier *v)
{
	size_t		i;

	for (i = 0; i < v->nanchors; i++)
		free(v->anchors[i].note);
	free(v->anchors);
	free(v->forks);
}

/* Forks */

static void
copy_origin(char out[CC_ORIGIN_MAX + 1], cc_slice origin)
{
	size_t		len = origin.len < CC_ORIGIN_MAX ? origin.len : CC_ORIGIN_MAX;

	memset(out, 0, CC_ORIGIN_MAX + 1);
	if (len > 0)
		memcpy(out, origin.data, len);
}

void
bundle_incarnation(BundleVerifier *v, const cc_entry *e)
{
	const cc_audit *a = &v->audit;
	cc_incarnation_event event;
	char		origin[CC_ORIGIN_MAX + 1];
	Fork	   *k;

	if (cc_incarnation_event_decode(&event, e->body) != CC_OK)
		return;
	copy_origin(origin, event.origin);
	if (event.incarnation != a->incarnation || strcmp(origin, a->origin) != 0)
		return;
	v->forks = allocate(v->forks, v->nforks + 1, sizeof(*v->forks));
	k = &v->forks[v->nforks++];
	copy_origin(k->origin, event.previous_origin);
	k->kept = a->block_first;
	k->size = event.size;
	memcpy(k->root, event.root, CC_DIGEST_SIZE);
	if (event.size > a->block_first)
		bundle_notice(v, "incarnation %" PRIu32 " begins at leaf %" PRIu64 "; its entry says %" PRIu64 " later leaves of the log before were lost",
			   event.incarnation, a->block_first, event.size - a->block_first);
	else
		bundle_notice(v, "incarnation %" PRIu32 " begins at leaf %" PRIu64,
			   event.incarnation, a->block_first);
}
