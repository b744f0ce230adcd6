/*
 * memory.c
 *	  The signer's memory.
 *
 * Canonical: what cc_memory_format() writes is all that is accepted.
 */
#include "core/memory.h"

#include <string.h>

#include "core/prooftext.h"

/* Any 64-bit number: the identifier of a system may have its highest bit. */
static bool
parse_identifier(uint64_t *out, cc_slice word)
{
	size_t		i;

	*out = 0;
	if (word.len == 0 || (word.data[0] == '0' && word.len > 1))
		return false;
	for (i = 0; i < word.len; i++)
	{
		uint64_t	digit = (uint64_t) word.data[i] - '0';

		if (digit > 9 || *out > (UINT64_MAX - digit) / 10)
			return false;
		*out = *out * 10 + digit;
	}
	return true;
}

static bool
parse_u32(uint32_t *out, cc_slice word)
{
	uint64_t	v = 0;

	if (!parse_identifier(&v, word) || v > UINT32_MAX)
		return false;
	*out = (uint32_t) v;
	return true;
}

cc_status
cc_cluster_parse(cc_cluster *out, cc_slice line)
{
	cc_slice	system;
	cc_slice	database;

	if (!cc_text_after(&line, "cluster "))
		return CC_E_FORM;
	system = cc_text_word(&line);
	database = cc_text_word(&line);
	if (!parse_identifier(&out->system_identifier, system) ||
		!parse_u32(&out->database, database) || !parse_u32(&out->timeline, line))
		return CC_E_FORM;
	return CC_OK;
}

void
cc_cluster_write(cc_writer *w, const cc_cluster *cluster)
{
	cc_text_put(w, "cluster ");
	cc_text_put_decimal(w, cluster->system_identifier);
	cc_text_put(w, " ");
	cc_text_put_decimal(w, cluster->database);
	cc_text_put(w, " ");
	cc_text_put_decimal(w, cluster->timeline);
	cc_text_put(w, "\n");
}

uint32_t
cc_read_epoch(cc_reader *r, const char *word)
{
	cc_slice	digits = cc_text_field(r, word);
	uint32_t	epoch = 0;

	if (r->status == CC_OK && (!parse_u32(&epoch, digits) || epoch == 0))
		cc_reader_fail(r, CC_E_FORM);
	return epoch;
}

/* A note, or the bare text of the empty log. */
static cc_status
parse_note(cc_checkpoint *c, cc_slice note)
{
	cc_status	status = cc_checkpoint_text_parse(c, (const char *) note.data, note.len);

	if (status == CC_OK)
		return c->size == 0 ? CC_OK : CC_E_FORM;
	status = cc_checkpoint_parse(c, (const char *) note.data, note.len);
	return status == CC_OK && c->size == 0 ? CC_E_FORM : status;
}

cc_status
cc_memory_parse(cc_memory *m, const char *text, size_t len)
{
	cc_reader	r;
	cc_slice	line;
	cc_status	status;

	memset(m, 0, sizeof(*m));
	if (len > CC_MEMORY_MAX)
		return CC_E_SPACE;
	cc_reader_init(&r, text, len);
	line = cc_read_line(&r);
	status = cc_cluster_parse(&m->cluster, line);
	if (status != CC_OK)
		return status;
	m->epoch = cc_read_epoch(&r, "epoch ");
	m->note = cc_read_raw(&r, r.len - r.pos);
	if (r.status != CC_OK)
		return r.status;
	return parse_note(&m->checkpoint, m->note);
}

size_t
cc_memory_format(char out[CC_MEMORY_MAX + 1], const cc_memory *m)
{
	cc_writer	w;

	cc_writer_init(&w, out, CC_MEMORY_MAX);
	cc_cluster_write(&w, &m->cluster);
	cc_text_put(&w, "epoch ");
	cc_text_put_decimal(&w, m->epoch);
	cc_text_put(&w, "\n");
	cc_write_raw(&w, m->note.data, m->note.len);
	if (w.status != CC_OK)
		w.len = 0;
	out[w.len] = '\0';
	return w.len;
}
