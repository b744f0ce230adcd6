/*
 * request.c
 *	  What a database asks a signer of its own, and the answers.
 *
 * Canonical: what the formatters write is all that is accepted.
 */
#include "core/request.h"

#include <string.h>

#include "core/prooftext.h"

#define TITLE "pg_custody signer v1"

static const char *const verbs[] = {"status", "key", "sign"};

static const char *const reply_heads[] = {
	"ok\n", "denied\n", "failed\n", "malformed\n", "refused\n", "unknown\n"
};

/* Requests */

static bool
ledger_id_valid(cc_slice id)
{
	size_t		i;

	if (id.len != CC_LEDGER_ID_LEN)
		return false;
	for (i = 0; i < id.len; i++)
	{
		uint8_t		c = id.data[i];
		bool		dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

static void
read_verb(cc_request *q, cc_reader *r)
{
	cc_slice	verb = cc_read_line(r);
	size_t		i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
	{
		if (cc_text_is(verb, verbs[i]))
		{
			q->verb = (cc_request_verb) i;
			return;
		}
	}
	cc_reader_fail(r, CC_E_FORM);
}

static cc_status
parse_key(cc_request *q, cc_reader *r)
{
	cc_slice	origin = cc_text_field(r, "origin ");

	if (r->status != CC_OK)
		return r->status;
	if (!cc_origin_valid((const char *) origin.data, origin.len))
		return CC_E_VALUE;
	memcpy(q->origin, origin.data, origin.len);
	return cc_reader_end(r);
}

static cc_status
parse_sign(cc_request *q, cc_reader *r)
{
	cc_slice	line = cc_read_line(r);
	cc_status	status;

	q->handover = cc_text_is(line, "handover yes");
	if (!q->handover && !cc_text_is(line, "handover no"))
		cc_reader_fail(r, CC_E_FORM);
	line = cc_read_raw(r, r->len - r->pos);
	if (r->status != CC_OK)
		return r->status;
	status = cc_add_checkpoint_parse(&q->proof, (const char *) line.data, line.len);
	if (status != CC_OK)
		return status;
	return cc_checkpoint_text_parse(&q->checkpoint, (const char *) q->proof.note.data,
									q->proof.note.len);
}

cc_status
cc_request_parse(cc_request *q, const char *text, size_t len)
{
	cc_reader	r;
	cc_slice	line;
	cc_status	status;

	memset(q, 0, sizeof(*q));
	if (len > CC_REQUEST_MAX)
		return CC_E_SPACE;
	cc_reader_init(&r, text, len);
	line = cc_read_line(&r);
	if (!cc_text_is(line, TITLE))
		return CC_E_FORM;
	line = cc_text_field(&r, "ledger ");
	if (!ledger_id_valid(line))
		return CC_E_FORM;
	memcpy(q->ledger_id, line.data, line.len);
	read_verb(q, &r);
	if (r.status != CC_OK || q->verb == CC_REQUEST_STATUS)
		return cc_reader_end(&r);
	line = cc_read_line(&r);
	status = cc_cluster_parse(&q->cluster, line);
	if (status != CC_OK)
		return status;
	q->epoch = cc_read_epoch(&r, "epoch ");
	return q->verb == CC_REQUEST_KEY ? parse_key(q, &r) : parse_sign(q, &r);
}

static void
write_sign(cc_writer *w, const cc_request *q)
{
	char		proof[CC_TLOG_PROOF_MAX + 1];
	char		text[CC_CHECKPOINT_TEXT_MAX + 1];

	cc_text_put(w, q->handover ? "handover yes\n" : "handover no\n");
	cc_write_raw(w, proof, cc_add_checkpoint_format(proof, &q->proof));
	cc_write_raw(w, text, cc_checkpoint_text(text, q->checkpoint.origin,
											 q->checkpoint.size, q->checkpoint.root));
}

size_t
cc_request_format(char out[CC_REQUEST_MAX + 1], const cc_request *q)
{
	cc_writer	w;

	cc_writer_init(&w, out, CC_REQUEST_MAX);
	cc_text_put(&w, TITLE "\nledger ");
	cc_text_put(&w, q->ledger_id);
	cc_text_put(&w, "\n");
	cc_text_put(&w, verbs[q->verb]);
	cc_text_put(&w, "\n");
	if (q->verb != CC_REQUEST_STATUS)
	{
		cc_cluster_write(&w, &q->cluster);
		cc_text_put(&w, "epoch ");
		cc_text_put_decimal(&w, q->epoch);
		cc_text_put(&w, "\n");
	}
	if (q->verb == CC_REQUEST_KEY)
	{
		cc_text_put(&w, "origin ");
		cc_text_put(&w, q->origin);
		cc_text_put(&w, "\n");
	}
	if (q->verb == CC_REQUEST_SIGN)
		write_sign(&w, q);
	out[w.len] = '\0';
	return w.len;
}

/* Replies */

const char *
cc_reply_head(cc_reply_kind kind)
{
	return reply_heads[kind];
}

cc_status
cc_reply_parse(cc_reply_kind *kind, cc_slice *body, const char *text, size_t len)
{
	size_t		i;

	if (len > CC_REPLY_MAX)
		return CC_E_SPACE;
	for (i = 0; i < sizeof(reply_heads) / sizeof(reply_heads[0]); i++)
	{
		size_t		n = strlen(reply_heads[i]);

		if (len >= n && memcmp(text, reply_heads[i], n) == 0)
		{
			*kind = (cc_reply_kind) i;
			body->data = (const uint8_t *) text + n;
			body->len = len - n;
			return CC_OK;
		}
	}
	return CC_E_FORM;
}

cc_status
cc_ring_parse(cc_ring *ring, cc_slice body)
{
	cc_reader	r;
	cc_slice	line;
	uint64_t	first = 0;
	uint64_t	count = 0;

	memset(ring, 0, sizeof(*ring));
	cc_reader_init(&r, body.data, body.len);
	line = cc_text_field(&r, "keys ");
	cc_text_decimal(&r, &first, cc_text_word(&line));
	cc_text_decimal(&r, &count, line);
	line = cc_read_raw(&r, r.len - r.pos);
	if (r.status != CC_OK)
		return r.status;
	if (first >= UINT32_MAX || count > 2 || (first == 0) != (count == 0))
		return CC_E_VALUE;
	ring->first = (uint32_t) first;
	ring->count = (uint32_t) count;
	ring->exists = line.len > 0;
	ring->damaged = cc_text_is(line, CC_RING_DAMAGED);
	if (!ring->exists || ring->damaged)
		return CC_OK;
	return cc_memory_parse(&ring->memory, (const char *) line.data, line.len);
}

void
cc_ring_write_keys(cc_writer *w, const cc_ring *ring)
{
	cc_text_put(w, "keys ");
	cc_text_put_decimal(w, ring->first);
	cc_text_put(w, " ");
	cc_text_put_decimal(w, ring->count);
	cc_text_put(w, "\n");
}

cc_status
cc_new_key_parse(cc_new_key *k, cc_slice body)
{
	cc_reader	r;
	cc_slice	key;
	cc_slice	digits;
	cc_status	status;

	memset(k, 0, sizeof(*k));
	cc_reader_init(&r, body.data, body.len);
	key = cc_read_line(&r);
	digits = cc_read_line(&r);
	status = cc_reader_end(&r);
	if (status != CC_OK)
		return status;
	status = cc_vkey_parse(&k->key, (const char *) key.data, key.len);
	if (status != CC_OK)
		return status;
	return cc_base64_decode(k->possession, sizeof(k->possession), &k->possession_len,
							(const char *) digits.data, digits.len);
}

void
cc_new_key_write(cc_writer *w, const cc_new_key *k)
{
	char		text[CC_VERIFIER_KEY_MAX + 1];

	cc_vkey_format(text, &k->key);
	cc_text_put(w, text);
	cc_text_put(w, "\n");
	cc_text_put_base64(w, (cc_slice) {k->possession, k->possession_len});
	cc_text_put(w, "\n");
}
