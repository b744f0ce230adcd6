/*
 * fuzz_checkpoint.c
 *	  Signed notes: what parses is written back, unless it holds a signature
 *	  too long to keep; checking one against a key is safe.
 */
#include "core/checkpoint.h"

#include "fuzz.h"

#define NOTE_KEY \
	"ledger.example/vectors+44abdeda+" \
	"AQr2r+UdOOD2noZYeSeAAl6t/Notf9ewtowf6WOqnG3J"

/* The whole note again; returns false if a signature was not kept. */
static bool
write_note(const cc_checkpoint *c, cc_writer *w)
{
	char		text[CC_CHECKPOINT_TEXT_MAX + 1];
	char		line[CC_NOTE_LINE_MAX + 1];
	char		name[CC_ORIGIN_MAX + 1];
	size_t		n = cc_checkpoint_text(text, c->origin, c->size, c->root);
	int			i;

	cc_write_raw(w, text, n);
	cc_write_u8(w, '\n');
	for (i = 0; i < c->nsignatures; i++)
	{
		const cc_note_signature *s = &c->signatures[i];

		if (s->len == 0)
			return false;
		memcpy(name, s->name.data, s->name.len);
		name[s->name.len] = '\0';
		n = cc_note_line(line, name, s->id, s->signature, s->len);
		cc_write_raw(w, line, n);
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char note[CC_NOTE_MAX];
	uint8_t    *in = exact_copy(data, len);
	cc_checkpoint c;
	cc_vkey		k;
	cc_writer	w;

	if (cc_checkpoint_parse(&c, (const char *) in, len) == CC_OK)
	{
		cc_writer_init(&w, note, sizeof(note));
		if (write_note(&c, &w) &&
			(w.status != CC_OK || w.len != len || memcmp(note, in, len) != 0))
			abort();
		if (cc_vkey_parse(&k, NOTE_KEY, strlen(NOTE_KEY)) != CC_OK)
			abort();
		(void) !cc_checkpoint_check(&c, &k);
	}
	free(in);
	return 0;
}
