/*
 * tlogproof.c
 *	  C2SP tlog-proof and the add-checkpoint body.
 *
 * The parsers accept what the formatters write, with any checkpoint behind
 * it, and pass over the extra line of a tlog-proof.
 */
#include "core/tlogproof.h"

#include <string.h>

#define HEADER "c2sp.org/tlog-proof@v1"
#define EXTRA "extra "
#define INDEX "index "
#define OLD "old "

#define HASH_DIGITS CC_BASE64_SIZE(CC_DIGEST_SIZE)

static bool
begins_with(cc_slice line, const char *word)
{
	size_t		n = strlen(word);

	return line.len >= n && memcmp(line.data, word, n) == 0;
}

static cc_status
parse_number(uint64_t *out, cc_slice line, const char *word)
{
	size_t		n = strlen(word);

	if (!begins_with(line, word))
		return CC_E_FORM;
	return cc_decimal_parse(out, (const char *) line.data + n, line.len - n);
}

/* Hashes up to the empty line, then the note. */
static cc_status
parse_rest(cc_tlog_proof *p, cc_reader *r)
{
	cc_slice	line;
	cc_status	status;

	while ((line = cc_read_line(r)).len > 0)
	{
		if (p->nhashes == CC_FRONTIER_MAX)
			return CC_E_FORM;
		status = cc_base64_decode_fixed(p->hashes[p->nhashes],
										CC_DIGEST_SIZE, line);
		if (status != CC_OK)
			return status;
		p->nhashes++;
	}
	p->note = cc_read_raw(r, r->len - r->pos);
	return r->status;
}

/* The line of the number has been read. */
static cc_status
parse_body(cc_tlog_proof *p, cc_reader *r, cc_slice line, const char *word)
{
	cc_status	status = r->status;

	if (status == CC_OK)
		status = parse_number(&p->number, line, word);
	return status == CC_OK ? parse_rest(p, r) : status;
}

/* Writes the number's line, the hashes and the empty line. */
static size_t
format_body(char *out, size_t n, const cc_tlog_proof *p, const char *word)
{
	int			i;

	memcpy(out + n, word, strlen(word));
	n += strlen(word);
	n += cc_decimal_format(out + n, p->number);
	out[n++] = '\n';
	for (i = 0; i < p->nhashes; i++)
	{
		cc_base64_encode(out + n, p->hashes[i], CC_DIGEST_SIZE);
		n += HASH_DIGITS;
		out[n++] = '\n';
	}
	out[n++] = '\n';
	out[n] = '\0';
	return n;
}

/* Leaf proof */

cc_status
cc_tlog_proof_parse(cc_tlog_proof *p, const char *text, size_t len)
{
	cc_slice	line;
	cc_reader	r;

	memset(p, 0, sizeof(*p));
	cc_reader_init(&r, text, len);
	line = cc_read_line(&r);
	if (r.status != CC_OK)
		return r.status;
	if (line.len != strlen(HEADER) || !begins_with(line, HEADER))
		return CC_E_FORM;
	line = cc_read_line(&r);
	if (r.status == CC_OK && begins_with(line, EXTRA))
	{
		size_t		n = strlen(EXTRA);
		size_t		extra;

		if (cc_base64_decode(NULL, 0, &extra, (const char *) line.data + n,
							 line.len - n) != CC_OK || extra == 0)
			return CC_E_FORM;
		line = cc_read_line(&r);
	}
	return parse_body(p, &r, line, INDEX);
}

size_t
cc_tlog_proof_format(char out[CC_TLOG_PROOF_MAX + 1], const cc_tlog_proof *p)
{
	memcpy(out, HEADER "\n", strlen(HEADER "\n"));
	return format_body(out, strlen(HEADER "\n"), p, INDEX);
}

cc_status
cc_tlog_proof_check(const cc_tlog_proof *p, const cc_checkpoint *c,
					const uint8_t leaf_hash[CC_DIGEST_SIZE])
{
	return cc_proof_check_inclusion(p->hashes, p->nhashes, leaf_hash,
									p->number, c->size, c->root);
}

/* Consistency proof */

cc_status
cc_add_checkpoint_parse(cc_tlog_proof *p, const char *text, size_t len)
{
	cc_slice	line;
	cc_reader	r;

	memset(p, 0, sizeof(*p));
	cc_reader_init(&r, text, len);
	line = cc_read_line(&r);
	return parse_body(p, &r, line, OLD);
}

size_t
cc_add_checkpoint_format(char out[CC_TLOG_PROOF_MAX + 1],
						 const cc_tlog_proof *p)
{
	return format_body(out, 0, p, OLD);
}

cc_status
cc_add_checkpoint_check(const cc_tlog_proof *p, const cc_checkpoint *c,
						const uint8_t old_root[CC_DIGEST_SIZE])
{
	return cc_proof_check_consistency(p->hashes, p->nhashes, p->number,
									  old_root, c->size, c->root);
}
