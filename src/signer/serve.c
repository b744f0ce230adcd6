/*
 * serve.c
 *	  What is answered to a request: the rules of signing.
 *
 * Invariants: the memory is durable before a signature leaves; it moves only
 * to a larger log that is proven to hold what was signed before; a head that
 * was signed is answered with the very note that is remembered, never signed
 * twice; once two keys have signed a head, the older is destroyed and signs
 * nothing any more.  A ledger begins with its memory, then its first key; so a
 * key without a memory is one whose memory was lost, and is not used.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "signer.h"

static void
memory_path(const Ledger *l, char path[PATH_SIZE])
{
	(void) snprintf(path, PATH_SIZE, "%s/signed", l->folder);
}

/* Read the memory, and find the keys that may be used. */
static bool
load(Ledger *l, Answer *a)
{
	char		path[PATH_SIZE];
	size_t		len;

	memory_path(l, path);
	memset(&l->ring, 0, sizeof(l->ring));
	l->ring.exists = file_read(path, l->memory, CC_MEMORY_MAX, &len);
	l->memory[len] = '\0';
	if (!l->ring.exists && errno == ENOENT)
		return true;
	if (!l->ring.exists && errno != EFBIG)
		return answer_fail(a, CC_REPLY_FAILED, "The memory \"%s\" cannot be read: %s.", path, strerror(errno));
	if (!l->ring.exists || cc_memory_parse(&l->ring.memory, l->memory, len) != CC_OK)
	{
		l->ring.exists = l->ring.damaged = true;
		return true;
	}
	for (uint32_t i = 0; i < 2; i++)
	{
		cc_signer  *key;

		if (!key_load(l, l->ring.memory.epoch + i, &key, a))
			return false;
		if (key == NULL && i == 0 && l->settings->key_uri != NULL)
			say("no key of epoch %u of ledger %s in the store: %s",
				(unsigned) l->ring.memory.epoch, l->id, store_reason());
		if (key == NULL)
			break;
		cc_signer_free(key);
		l->ring.first = l->ring.memory.epoch;
		l->ring.count++;
	}
	return true;
}

static bool
remember(Ledger *l, const cc_memory *memory, Answer *a)
{
	char		path[PATH_SIZE];
	size_t		len = cc_memory_format(l->memory, memory);

	memory_path(l, path);
	if (len == 0 || !file_write(path, l->memory, len))
		return answer_fail(a, CC_REPLY_FAILED, "The memory \"%s\" cannot be written: %s.", path, strerror(errno));
	return true;
}

/* Refuse unless there is a memory to go by. */
static bool
require_memory(const Ledger *l, Answer *a)
{
	if (l->ring.exists && !l->ring.damaged)
		return true;
	return answer_fail(a, CC_REPLY_REFUSED, "The memory of ledger %s is %s.", l->id,
					   l->ring.damaged ? "damaged" : "missing");
}

/* status */

static bool
serve_status(Ledger *l, Answer *a)
{
	cc_writer	w;

	if (!load(l, a))
		return false;
	answer_begin(a, &w);
	cc_ring_write_keys(&w, &l->ring);
	if (l->ring.damaged)
		cc_write_raw(&w, CC_RING_DAMAGED, strlen(CC_RING_DAMAGED));
	else if (l->ring.exists)
		cc_write_raw(&w, l->memory, strlen(l->memory));
	a->len = w.len;
	return true;
}

/* key */

/* Has the folder any key's file? */
static bool
has_key_files(const char *folder)
{
	DIR		   *dir = opendir(folder);
	struct dirent *entry;
	bool		found = false;

	if (dir == NULL)
		return false;
	while (!found && (entry = readdir(dir)) != NULL)
		found = strncmp(entry->d_name, "epoch-", 6) == 0;
	(void) closedir(dir);
	return found;
}

/*
 * Begin a ledger: its memory, of nothing.  A key that is there already has
 * perhaps signed, unless the administrator makes the keys.
 */
static bool
begin(Ledger *l, const cc_request *q, Answer *a)
{
	char		text[CC_CHECKPOINT_TEXT_MAX + 1];
	uint8_t		root[CC_DIGEST_SIZE];
	cc_frontier empty;
	cc_memory	memory;
	cc_signer  *key;
	bool		ours = l->settings->key_uri == NULL || l->settings->make_key != NULL;

	if (!key_load(l, q->epoch, &key, a))
		return false;
	cc_signer_free(key);
	if ((ours && key != NULL) || has_key_files(l->folder))
		return answer_fail(a, CC_REPLY_REFUSED, "Ledger %s has a key, but the memory of what it signed is missing.", l->id);
	if (!folder_make(l->folder))
		return answer_fail(a, CC_REPLY_FAILED, "Folder \"%s\" could not be made: %s.", l->folder, strerror(errno));
	cc_frontier_init(&empty);
	cc_frontier_root(&empty, root);
	memory.cluster = q->cluster;
	memory.epoch = q->epoch;
	memory.note.data = (const uint8_t *) text;
	memory.note.len = cc_checkpoint_text(text, q->origin, 0, root);
	return remember(l, &memory, a) && load(l, a);
}

/* May the key be made, or shown? */
static bool
key_allowed(const Ledger *l, const cc_request *q, Answer *a)
{
	const cc_memory *m = &l->ring.memory;

	if (strcmp(m->checkpoint.origin, q->origin) != 0)
		return answer_fail(a, CC_REPLY_REFUSED, "Ledger %s has the origin \"%s\", not \"%s\".", l->id,
						   m->checkpoint.origin, q->origin);
	if (q->epoch == m->epoch && (l->ring.count > 0 || m->checkpoint.size == 0))
		return true;
	if (q->epoch == m->epoch + 1 && l->ring.count > 0)
		return true;
	return answer_fail(a, CC_REPLY_UNKNOWN, "Ledger %s is in epoch %u and has %s; the key of epoch %u cannot be had.",
					   l->id, (unsigned) m->epoch, l->ring.count > 0 ? "its key" : "lost its key", (unsigned) q->epoch);
}

static bool
make_if_missing(const Ledger *l, uint32_t epoch, cc_signer **key, Answer *a)
{
	if (!key_load(l, epoch, key, a))
		return false;
	if (*key == NULL && (!key_make(l, epoch, a) || !key_load(l, epoch, key, a)))
		return false;
	return *key != NULL ||
		answer_fail(a, CC_REPLY_FAILED, "The key of epoch %u cannot be loaded after it was made.", (unsigned) epoch);
}

static bool
serve_key(Ledger *l, const cc_request *q, Answer *a)
{
	cc_new_key	made;
	cc_signer  *key;
	cc_status	status;
	cc_writer	w;

	if (!load(l, a) || (!l->ring.exists && !begin(l, q, a)) || !require_memory(l, a) ||
		!key_allowed(l, q, a) || !key_destroy_before(l, l->ring.memory.epoch, a) ||
		!make_if_missing(l, q->epoch, &key, a))
		return false;
	status = cc_signer_vkey(key, q->origin, &made.key);
	if (status == CC_OK)
		status = cc_signer_possess(key, q->epoch, q->origin, made.possession, &made.possession_len);
	cc_signer_free(key);
	if (status != CC_OK)
		return answer_fail(a, CC_REPLY_FAILED, "The key of epoch %u does not sign: %s.", (unsigned) q->epoch, cc_status_text(status));
	answer_begin(a, &w);
	cc_new_key_write(&w, &made);
	a->len = w.len;
	return true;
}

/* sign */

/* Does the head follow from what is remembered? */
static bool
follows(const Ledger *l, const cc_request *q, Answer *a)
{
	const cc_checkpoint *last = &l->ring.memory.checkpoint;
	const cc_checkpoint *c = &q->checkpoint;

	if (strcmp(last->origin, c->origin) != 0)
		return answer_fail(a, CC_REPLY_REFUSED, "Ledger %s has the origin \"%s\", not \"%s\".", l->id, last->origin, c->origin);
	if (c->size < last->size)
		return answer_fail(a, CC_REPLY_REFUSED, "The log of size %llu is smaller than what was signed, of size %llu.",
						   (unsigned long long) c->size, (unsigned long long) last->size);
	if (c->size == last->size)
		return answer_fail(a, CC_REPLY_REFUSED, "Another root, or by other keys, was signed at size %llu.",
						   (unsigned long long) c->size);
	if (q->proof.number != last->size)
		return answer_fail(a, CC_REPLY_REFUSED, "The proof is from size %llu; size %llu was signed last.",
						   (unsigned long long) q->proof.number, (unsigned long long) last->size);
	if (cc_add_checkpoint_check(&q->proof, c, last->root) != CC_OK)
		return answer_fail(a, CC_REPLY_REFUSED, "The log of size %llu is not shown to hold what was signed, of size %llu.",
						   (unsigned long long) c->size, (unsigned long long) last->size);
	if (q->epoch != l->ring.memory.epoch)
		return answer_fail(a, CC_REPLY_UNKNOWN, "The key of epoch %u signs next, not that of epoch %u.",
						   (unsigned) l->ring.memory.epoch, (unsigned) q->epoch);
	return true;
}

/*
 * Is it the head that was signed last, by the same keys?  Two signed it if the
 * one that signs next is not the one that is asked to sign.
 */
static bool
is_remembered(const Ledger *l, const cc_request *q)
{
	const cc_memory *m = &l->ring.memory;

	return m->checkpoint.size > 0 && m->checkpoint.size == q->checkpoint.size &&
		strcmp(m->checkpoint.origin, q->checkpoint.origin) == 0 &&
		cc_equal(m->checkpoint.root, q->checkpoint.root, CC_DIGEST_SIZE) &&
		q->handover == (m->checkpoint.nsignatures == 2) &&
		q->epoch + (q->handover ? 1 : 0) == m->epoch;
}

/* Add the line of a key to a note. */
static bool
sign_line(const Ledger *l, const cc_request *q, uint32_t epoch, cc_writer *note, Answer *a)
{
	char		line[CC_NOTE_LINE_MAX + 1];
	uint8_t		signature[CC_MADE_SIGNATURE_MAX];
	size_t		len = 0;
	cc_signer  *key;
	cc_vkey		vkey;
	cc_status	status;

	if (!key_load(l, epoch, &key, a))
		return false;
	if (key == NULL)
		return answer_fail(a, CC_REPLY_UNKNOWN, "There is no key of epoch %u of ledger %s.", (unsigned) epoch, l->id);
	status = cc_signer_vkey(key, q->checkpoint.origin, &vkey);
	if (status == CC_OK)
		status = cc_signer_sign(key, q->checkpoint.text.data, q->checkpoint.text.len, signature, &len);
	cc_signer_free(key);
	if (status != CC_OK)
		return answer_fail(a, CC_REPLY_FAILED, "The key of epoch %u does not sign: %s.", (unsigned) epoch, cc_status_text(status));
	cc_write_raw(note, line, cc_note_line(line, vkey.name, vkey.id, signature, len));
	return true;
}

/* Sign, and remember. */
static bool
sign(Ledger *l, const cc_request *q, Answer *a)
{
	char		text[CC_NOTE_MAX];
	cc_memory	memory;
	cc_writer	w;

	cc_writer_init(&w, text, sizeof(text));
	cc_write_raw(&w, q->checkpoint.text.data, q->checkpoint.text.len);
	cc_write_u8(&w, '\n');
	if (!sign_line(l, q, q->epoch, &w, a) ||
		(q->handover && !sign_line(l, q, q->epoch + 1, &w, a)))
		return false;
	memory.cluster = q->cluster;
	memory.epoch = q->epoch + (q->handover ? 1 : 0);
	memory.note.data = (const uint8_t *) text;
	memory.note.len = w.len;
	if (w.status != CC_OK)
		return answer_fail(a, CC_REPLY_FAILED, "The note is too long.");
	return remember(l, &memory, a) && load(l, a) && require_memory(l, a);
}

static bool
serve_sign(Ledger *l, const cc_request *q, Answer *a)
{
	const cc_slice *note = &l->ring.memory.note;
	cc_writer	w;

	if (!load(l, a) || !require_memory(l, a))
		return false;
	if (!is_remembered(l, q) && (!follows(l, q, a) || !sign(l, q, a)))
		return false;
	if (!key_destroy_before(l, l->ring.memory.epoch, a))
		return false;
	answer_begin(a, &w);
	cc_write_raw(&w, note->data, note->len);
	a->len = w.len;
	return true;
}

void
serve(const Settings *settings, const char *request, size_t len, Answer *a)
{
	static cc_request q;
	static Ledger l;
	cc_status	status = cc_request_parse(&q, request, len);

	if (status != CC_OK)
	{
		(void) answer_fail(a, CC_REPLY_MALFORMED, "This is not a request: %s.", cc_status_text(status));
		return;
	}
	l.settings = settings;
	l.id = q.ledger_id;
	(void) snprintf(l.folder, sizeof(l.folder), "%s/%s", settings->directory, q.ledger_id);
	switch (q.verb)
	{
		case CC_REQUEST_STATUS:
			(void) serve_status(&l, a);
			break;
		case CC_REQUEST_KEY:
			(void) serve_key(&l, &q, a);
			break;
		case CC_REQUEST_SIGN:
			(void) serve_sign(&l, &q, a);
			break;
	}
}
