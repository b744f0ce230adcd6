/*
 * checkpoint.c
 *	  The signed tree head: C2SP tlog-checkpoint in a signed-note.
 *
 * The parser accepts what cc_checkpoint_text() and cc_note_line() write and
 * notes with the lines of foreign keys, of any length; nothing else.
 */
#include "core/checkpoint.h"

#include <string.h>

#define CHECKPOINT_PREFIX 0x19
#define ROOT_DIGITS CC_BASE64_SIZE(CC_DIGEST_SIZE)
#define SIGNED_ID_SIZE 4

/* Em dash and space. */
static const char line_start[] = "\xE2\x80\x94 ";

size_t
cc_checkpoint_text(char out[CC_CHECKPOINT_TEXT_MAX + 1], const char *origin,
				   uint64_t size, const uint8_t root[CC_DIGEST_SIZE])
{
	size_t		n = strlen(origin);

	out[0] = '\0';
	if (n > CC_ORIGIN_MAX)
		return 0;
	memcpy(out, origin, n);
	out[n++] = '\n';
	n += cc_decimal_format(out + n, size);
	out[n++] = '\n';
	cc_base64_encode(out + n, root, CC_DIGEST_SIZE);
	n += ROOT_DIGITS;
	out[n++] = '\n';
	out[n] = '\0';
	return n;
}

void
cc_checkpoint_digest(uint8_t out[CC_DIGEST_SIZE], const char *origin,
					 uint64_t size, const uint8_t root[CC_DIGEST_SIZE])
{
	char		text[CC_CHECKPOINT_TEXT_MAX + 1];
	size_t		len = cc_checkpoint_text(text, origin, size, root);

	cc_digest_prefixed(out, CHECKPOINT_PREFIX, text, len);
}

size_t
cc_note_line(char out[CC_NOTE_LINE_MAX + 1], const char *name, uint32_t id,
			 const uint8_t *signature, size_t len)
{
	uint8_t		raw[SIGNED_ID_SIZE + CC_SIGNATURE_MAX];
	size_t		name_len = strlen(name);
	size_t		n = sizeof(line_start) - 1;

	out[0] = '\0';
	if (name_len > CC_ORIGIN_MAX || len > CC_SIGNATURE_MAX)
		return 0;
	memcpy(out, line_start, n);
	memcpy(out + n, name, name_len);
	n += name_len;
	out[n++] = ' ';
	cc_store_u32(raw, id);
	memcpy(raw + SIGNED_ID_SIZE, signature, len);
	cc_base64_encode(out + n, raw, SIGNED_ID_SIZE + len);
	n += CC_BASE64_SIZE(SIGNED_ID_SIZE + len);
	out[n++] = '\n';
	out[n] = '\0';
	return n;
}

size_t
cc_note_restore(char *note, size_t len)
{
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < len; i++)
		if (note[i] != '\r')
			note[n++] = note[i];
	while (n > 0 && (note[n - 1] == '\n' || note[n - 1] == ' '))
		n--;
	note[n++] = '\n';
	return n;
}

static cc_status
parse_text(cc_checkpoint *c, cc_reader *r)
{
	cc_slice	origin = cc_read_line(r);
	cc_slice	size = cc_read_line(r);
	cc_slice	root = cc_read_line(r);
	cc_status	status;

	if (r->status != CC_OK)
		return r->status;
	if (!cc_name_valid((const char *) origin.data, origin.len))
		return CC_E_FORM;
	memcpy(c->origin, origin.data, origin.len);
	status = cc_decimal_parse(&c->size, (const char *) size.data, size.len);
	if (status != CC_OK)
		return status;
	return cc_base64_decode_fixed(c->root, CC_DIGEST_SIZE, root);
}

cc_status
cc_checkpoint_text_parse(cc_checkpoint *c, const char *text, size_t len)
{
	cc_reader	r;
	cc_status	status;

	memset(c, 0, sizeof(*c));
	cc_reader_init(&r, text, len);
	status = parse_text(c, &r);
	c->text.data = r.data;
	c->text.len = r.pos;
	return status == CC_OK ? cc_reader_end(&r) : status;
}

/* The base64 part of a signature line: its form, and the key id in it. */
static cc_status
parse_digits(cc_note_signature *s, cc_slice digits)
{
	uint8_t		head[6];
	size_t		len;
	cc_status	status;

	status = cc_base64_decode(NULL, 0, &len, (const char *) digits.data,
							  digits.len);
	if (status != CC_OK)
		return status;
	if (len <= SIGNED_ID_SIZE)
		return CC_E_FORM;
	status = cc_base64_decode(head, sizeof(head), &len,
							  (const char *) digits.data,
							  CC_BASE64_SIZE(sizeof(head)));
	if (status != CC_OK)
		return status;
	s->id = cc_load_u32(head);
	s->digits = digits;
	return CC_OK;
}

cc_status
cc_note_line_parse(cc_note_signature *s, cc_slice line)
{
	size_t		start = sizeof(line_start) - 1;
	const uint8_t *space;

	if (line.len <= start || memcmp(line.data, line_start, start) != 0)
		return CC_E_FORM;
	line.data += start;
	line.len -= start;
	space = memchr(line.data, ' ', line.len);
	if (space == NULL)
		return CC_E_FORM;
	s->name.data = line.data;
	s->name.len = (size_t) (space - line.data);
	if (!cc_name_valid((const char *) s->name.data, s->name.len))
		return CC_E_FORM;
	line.data = space + 1;
	line.len -= s->name.len + 1;
	return parse_digits(s, line);
}

cc_status
cc_note_signature_decode(const cc_note_signature *s,
						 uint8_t out[CC_SIGNATURE_MAX], size_t *len)
{
	uint8_t		raw[SIGNED_ID_SIZE + CC_SIGNATURE_MAX];
	cc_status	status;

	status = cc_base64_decode(raw, sizeof(raw), len,
							  (const char *) s->digits.data, s->digits.len);
	if (status != CC_OK)
		return status;
	*len -= SIGNED_ID_SIZE;
	memcpy(out, raw + SIGNED_ID_SIZE, *len);
	return CC_OK;
}

cc_status
cc_checkpoint_parse(cc_checkpoint *c, const char *note, size_t len)
{
	cc_reader	r;
	cc_status	status;

	memset(c, 0, sizeof(*c));
	cc_reader_init(&r, note, len);
	status = parse_text(c, &r);
	if (status != CC_OK)
		return status;
	c->text.data = r.data;
	c->text.len = r.pos;
	if (cc_read_line(&r).len != 0)
		return CC_E_FORM;
	do
	{
		cc_slice	line = cc_read_line(&r);

		if (r.status != CC_OK)
			return r.status;
		if (c->nsignatures == CC_NOTE_SIGNATURES_MAX)
			return CC_E_FORM;
		status = cc_note_line_parse(&c->signatures[c->nsignatures], line);
		if (status != CC_OK)
			return status;
		c->nsignatures++;
	} while (r.pos < r.len);
	return CC_OK;
}

/* Is the line of this key, by name and id? */
static bool
is_line_of(const cc_note_signature *s, const cc_vkey *k)
{
	return s->id == k->id && s->name.len == strlen(k->name) &&
		memcmp(s->name.data, k->name, s->name.len) == 0;
}

cc_status
cc_note_line_check(const cc_checkpoint *c, const cc_note_signature *s,
				   const cc_vkey *k)
{
	uint8_t		signature[CC_SIGNATURE_MAX];
	size_t		len;

	if (!is_line_of(s, k) ||
		(!cc_vkey_witness(k, c->origin) && strcmp(c->origin, k->name) != 0))
		return CC_E_UNSIGNED;
	/* One too long to be of the key's type does not verify. */
	if (cc_note_signature_decode(s, signature, &len) != CC_OK)
		return CC_E_SIGNATURE;
	return cc_signature_check(k, c->text.data, c->text.len, signature, len);
}

cc_status
cc_checkpoint_check(const cc_checkpoint *c, const cc_vkey *k)
{
	cc_status	found = CC_E_UNSIGNED;
	int			i;

	for (i = 0; i < c->nsignatures; i++)
	{
		cc_status	status = cc_note_line_check(c, &c->signatures[i], k);

		if (status != CC_OK && status != CC_E_UNSIGNED)
			return status;
		if (status == CC_OK)
			found = CC_OK;
	}
	return found;
}

cc_status
cc_checkpoint_signed(const cc_checkpoint *c, const cc_vkey *keys,
					 size_t nkeys)
{
	cc_status	found = CC_E_UNSIGNED;
	size_t		i;

	for (i = 0; i < nkeys; i++)
	{
		cc_status	status;

		if (cc_vkey_witness(&keys[i], c->origin))
			continue;
		status = cc_checkpoint_check(c, &keys[i]);
		if (status == CC_OK)
			found = CC_OK;
		else if (status == CC_E_UNSUPPORTED)
			found = found == CC_OK ? CC_OK : status;
		else if (status != CC_E_UNSIGNED)
			return status;
	}
	return found;
}
