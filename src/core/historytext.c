/*
 * historytext.c
 *	  The text of the proof of a row's life.
 *
 * The parser accepts what the formatter writes, with a checkpoint behind it,
 * and nothing else (what is left of a line is its last word, so that a space
 * too many is no base64): lines are decoded where they stand, the checkpoint, whose
 * text is signed, is left as it is.
 */
#include "core/historyproof.h"

#include <string.h>

#include "core/prooftext.h"

#define SCHEMA "schema "
#define RECORD "record "
#define VERSION "version "
#define EVENT "event "
#define OLD "old "

/* Parsing */

/* The text being read, and what its lines have said so far. */
typedef struct Parser
{
	cc_history *h;
	char	   *text;
	cc_reader	r;
	cc_history_item open;		/* the transaction that lines belong to */
	bool		has_record;
	size_t		of_record;		/* entries of it */
	size_t		schemas_used;
} Parser;

static void
fail(Parser *p)
{
	cc_reader_fail(&p->r, CC_E_FORM);
}

void
cc_history_measure(const char *text, size_t len, size_t *nschemas,
				   size_t *nitems)
{
	cc_reader	r;

	*nschemas = *nitems = 0;
	cc_reader_init(&r, text, len);
	while (r.status == CC_OK && r.pos < len)
	{
		cc_slice	line = cc_read_line(&r);

		if (cc_text_after(&line, SCHEMA))
			++*nschemas;
		else if (cc_text_after(&line, VERSION) || cc_text_after(&line, EVENT))
			++*nitems;
	}
}

static void
read_schema(Parser *p, cc_slice field)
{
	cc_history *h = p->h;

	if (p->has_record)
		fail(p);
	if (h->nschemas == h->schema_capacity)
		cc_reader_fail(&p->r, CC_E_SPACE);
	if (p->r.status != CC_OK)
		return;
	cc_text_decode(&p->r, &h->schemas[h->nschemas++], p->text, field);
}

/* Transactions stand in the order of the log. */
static void
read_record(Parser *p, cc_slice field)
{
	uint64_t	before = p->open.leaf_index;

	if (p->has_record && p->of_record == 0)
		fail(p);
	cc_text_decimal(&p->r, &p->open.leaf_index, cc_text_word(&field));
	cc_text_decode(&p->r, &p->open.record_bytes, p->text, cc_text_word(&field));
	cc_text_hashes(&p->r, &p->open.leaf_path, p->text, field);
	if (p->has_record && p->open.leaf_index <= before)
		fail(p);
	p->has_record = true;
	p->of_record = 0;
}

/* Definitions are numbered in the order in which they are first used. */
static void
read_values(Parser *p, cc_history_item *item, cc_slice *field)
{
	uint64_t	schema = 0;

	cc_text_decimal(&p->r, &schema, cc_text_word(field));
	if (schema >= p->h->nschemas || schema > p->schemas_used)
		fail(p);
	else if (schema == p->schemas_used)
		p->schemas_used++;
	item->schema = (uint32_t) schema;
	cc_text_decode(&p->r, &item->private_part, p->text, cc_text_word(field));
}

static void
read_item(Parser *p, cc_slice field, bool is_version)
{
	cc_history *h = p->h;
	cc_history_item *item;

	if (!p->has_record)
		fail(p);
	if (h->nitems == h->item_capacity)
		cc_reader_fail(&p->r, CC_E_SPACE);
	if (p->r.status != CC_OK)
		return;
	item = &h->items[h->nitems++];
	*item = p->open;
	item->is_version = is_version;
	cc_text_decimal(&p->r, &item->entry_no, cc_text_word(&field));
	cc_text_hashes(&p->r, &item->path, p->text, cc_text_word(&field));
	if (is_version)
		read_values(p, item, &field);
	cc_text_decode(&p->r, &item->committed, p->text, field);
	if (p->of_record > 0 && item->entry_no <= item[-1].entry_no)
		fail(p);
	p->of_record++;
}

/* The older checkpoint is the last line. */
static void
read_old(Parser *p, cc_slice field)
{
	cc_history *h = p->h;

	h->has_old = true;
	cc_text_decode(&p->r, &h->old_note, p->text, cc_text_word(&field));
	cc_text_hashes(&p->r, &h->growth, p->text, field);
	if (cc_read_line(&p->r).len != 0)
		fail(p);
}

/* False at the empty line. */
static bool
read_line(Parser *p)
{
	cc_slice	line = cc_read_line(&p->r);

	if (p->r.status != CC_OK || line.len == 0)
		return false;
	if (cc_text_after(&line, SCHEMA))
		read_schema(p, line);
	else if (cc_text_after(&line, RECORD))
		read_record(p, line);
	else if (cc_text_after(&line, VERSION))
		read_item(p, line, true);
	else if (cc_text_after(&line, EVENT))
		read_item(p, line, false);
	else if (cc_text_after(&line, OLD))
	{
		read_old(p, line);
		return false;
	}
	else
		fail(p);
	return true;
}

static cc_status
parse_notes(cc_history *h)
{
	cc_status	status = cc_checkpoint_parse(&h->checkpoint,
											 (const char *) h->note.data,
											 h->note.len);

	if (status == CC_OK && h->has_old)
		status = cc_checkpoint_parse(&h->old, (const char *) h->old_note.data,
									 h->old_note.len);
	return status;
}

cc_status
cc_history_parse(cc_history *h, char *text, size_t len)
{
	Parser		p;

	memset(&p, 0, sizeof(p));
	p.h = h;
	p.text = text;
	h->nschemas = h->nitems = 0;
	h->has_old = false;
	cc_reader_init(&p.r, text, len);
	if (!cc_text_is(cc_read_line(&p.r), CC_HISTORY_HEADER))
		fail(&p);
	while (p.r.status == CC_OK && read_line(&p))
		;
	if (p.of_record == 0 || p.schemas_used != h->nschemas)
		fail(&p);
	if (p.r.status != CC_OK)
		return p.r.status;
	h->note = cc_read_raw(&p.r, len - p.r.pos);
	return parse_notes(h);
}

/* Writing */

static void
write_record(cc_writer *w, const cc_history_item *item)
{
	cc_text_put(w, RECORD);
	cc_text_put_decimal(w, item->leaf_index);
	cc_text_put(w, " ");
	cc_text_put_base64(w, item->record_bytes);
	cc_text_put(w, " ");
	cc_text_put_hashes(w, item->leaf_path);
	cc_text_put(w, "\n");
}

static void
write_item(cc_writer *w, const cc_history_item *item)
{
	cc_text_put(w, item->is_version ? VERSION : EVENT);
	cc_text_put_decimal(w, item->entry_no);
	cc_text_put(w, " ");
	cc_text_put_hashes(w, item->path);
	cc_text_put(w, " ");
	if (item->is_version)
	{
		cc_text_put_decimal(w, item->schema);
		cc_text_put(w, " ");
		cc_text_put_base64(w, item->private_part);
		cc_text_put(w, " ");
	}
	cc_text_put_base64(w, item->committed);
	cc_text_put(w, "\n");
}

void
cc_history_format(cc_writer *w, const cc_history *h)
{
	size_t		i;

	cc_text_put(w, CC_HISTORY_HEADER "\n");
	for (i = 0; i < h->nschemas; i++)
	{
		cc_text_put(w, SCHEMA);
		cc_text_put_base64(w, h->schemas[i]);
		cc_text_put(w, "\n");
	}
	for (i = 0; i < h->nitems; i++)
	{
		if (i == 0 || h->items[i].leaf_index != h->items[i - 1].leaf_index)
			write_record(w, &h->items[i]);
		write_item(w, &h->items[i]);
	}
	if (h->has_old)
	{
		cc_text_put(w, OLD);
		cc_text_put_base64(w, h->old_note);
		cc_text_put(w, " ");
		cc_text_put_hashes(w, h->growth);
		cc_text_put(w, "\n");
	}
	cc_text_put(w, "\n");
}
