/*
 * tilekeys.c
 *	  The key history of a tlog-tiles directory (doc/format.md section 11).
 *
 * Its keys say who claims to have signed what, and are never trusted for it.
 * What begins beyond the directory's checkpoint belongs to an export that did
 * not end, and is passed over.
 */
#include <stdlib.h>
#include <string.h>

#include "core/keyline.h"
#include "tiles.h"

#define KEYS_FILE "keys"
#define KEYS_MAX ((size_t) 64 << 20)

/* Where reading the lines stands. */
typedef struct History
{
	uint64_t	line;
	cc_key_line before;			/* epoch 0: none */
	uint64_t	signed_upto;	/* last size of the epochs before */
	bool		open;			/* one of them goes on */
	bool		current;		/* a key of the directory's checkpoint was seen */
} History;

static bool
is_trusted(const TileVerifier *v, const cc_vkey *k)
{
	size_t		i;

	for (i = 0; i < v->trust.nkeys; i++)
	{
		const cc_vkey *t = &v->trust.keys[i];

		if (t->type == k->type && t->key_len == k->key_len &&
			memcmp(t->key, k->key, k->key_len) == 0 && strcmp(t->name, k->name) == 0)
			return true;
	}
	return false;
}

/* Epochs follow each other, and so do the sizes they signed. */
static bool
in_order(const History *h, const cc_key_line *k)
{
	if (k->epoch != h->before.epoch + 1)
		return false;
	return k->first == 0 || (!h->open && k->first > h->signed_upto);
}

/* The last checkpoint of an epoch that ended before the directory's. */
static void
check_last(TileVerifier *v, const cc_key_line *k)
{
	char		path[12 + CC_DECIMAL_MAX + 1];
	cc_checkpoint c;
	size_t		len = 0;
	cc_status	status;

	(void) snprintf(path, sizeof(path), "checkpoints/%" PRIu64, k->last);
	if (!tile_read(v, path, TILE_NOTE_MAX, &len))
	{
		tile_finding(v, "checkpoint_missing", path, "the last checkpoint of epoch %" PRIu32 " is missing", k->epoch);
		return;
	}
	status = len > TILE_NOTE_MAX ? CC_E_TRAILING : cc_checkpoint_parse(&c, v->buffer, len);
	if (status != CC_OK)
	{
		tile_finding(v, "checkpoint_unreadable", path, "%s", cc_status_text(status));
		return;
	}
	status = cc_checkpoint_check(&c, &k->key);
	if (status != CC_OK)
		tile_finding(v, "signature_invalid", path, "not signed with the key of epoch %" PRIu32 ": %s",
					 k->epoch, cc_status_text(status));
	else if (c.size != k->last)
		tile_finding(v, "checkpoint_mismatch", path, "is of size %" PRIu64, c.size);
	else
		tile_target(v, path, false, &c);
}

static void
check_current(TileVerifier *v, History *h, const cc_key_line *k)
{
	cc_status	status = cc_checkpoint_check(&v->checkpoint, &k->key);

	h->current = true;
	if (status != CC_OK)
		tile_finding(v, "signature_invalid", "checkpoint", "not signed with the key of epoch %" PRIu32 ", which \"" KEYS_FILE "\" has for its size: %s",
					 k->epoch, cc_status_text(status));
}

/* False: the rest of the file says nothing. */
static bool
take_line(TileVerifier *v, History *h, const char *line, size_t len)
{
	cc_key_line k;
	cc_status	status = cc_key_line_parse(&k, line, len);

	h->line++;
	if (status == CC_OK && !in_order(h, &k))
		status = CC_E_VALUE;
	if (status != CC_OK)
	{
		tile_finding(v, "keys_unreadable", KEYS_FILE, "line %" PRIu64 " does not follow from the lines before: %s",
					 h->line, cc_status_text(status));
		return false;
	}
	h->before = k;
	h->open |= k.first != 0 && k.last == 0;
	if (k.last != 0)
		h->signed_upto = k.last;
	if (k.first > v->checkpoint.size)
		return true;
	v->keys++;
	if (k.first == 0)
		return true;
	if (!is_trusted(v, &k.key))
		tile_notice(v, "the key of epoch %" PRIu32 ", id %08" PRIx32 ", which signed from size %" PRIu64 " on, is not among the trusted ones",
					k.epoch, k.key.id, k.first);
	if (k.last == 0 || k.last >= v->checkpoint.size)
		check_current(v, h, &k);
	else
		check_last(v, &k);
	return true;
}

void
tile_keys(TileVerifier *v)
{
	History		h;
	char	   *text;
	size_t		len = 0;
	size_t		at = 0;

	memset(&h, 0, sizeof(h));
	if (!tile_read(v, KEYS_FILE, KEYS_MAX, &len))
	{
		tile_finding(v, "keys_missing", KEYS_FILE, "the key history is missing");
		return;
	}
	/* The buffer is used for other files meanwhile. */
	text = v->buffer;
	v->buffer = NULL;
	v->capacity = 0;
	while (at < len)
	{
		char	   *lf = memchr(text + at, '\n', len - at);

		if (lf == NULL)
		{
			tile_finding(v, "keys_unreadable", KEYS_FILE, "ends in the middle of line %" PRIu64, h.line + 1);
			break;
		}
		if (!take_line(v, &h, text + at, (size_t) (lf - text) - at))
			break;
		at = (size_t) (lf - text) + 1;
	}
	if (at == len && !h.current)
		tile_finding(v, "keys_mismatch", KEYS_FILE, "has no key for the size of the checkpoint, %" PRIu64, v->checkpoint.size);
	free(text);
}
