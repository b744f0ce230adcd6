/*
 * fuzz_checkpoint.c
 *	  Signed notes: what parses is written back; checking one against the keys
 *	  of a log and of a witness is safe.
 */
#include "core/checkpoint.h"

#include "fuzz.h"

#define NOTE_KEY \
	"ledger.example/vectors+44abdeda+" \
	"AQr2r+UdOOD2noZYeSeAAl6t/Notf9ewtowf6WOqnG3J"
#define WITNESS_KEY \
	"witness.example/w1+8e3f1952+" \
	"BKHcCy/tYEPC54MmtxEt4WUJVsGPnWAm4Gt2pvgy1gHd"

/* The whole note again. */
static void
write_note(const cc_checkpoint *c, cc_writer *w)
{
	char		text[CC_CHECKPOINT_TEXT_MAX + 1];
	size_t		n = cc_checkpoint_text(text, c->origin, c->size, c->root);
	int			i;

	cc_write_raw(w, text, n);
	cc_write_u8(w, '\n');
	for (i = 0; i < c->nsignatures; i++)
	{
		const cc_note_signature *s = &c->signatures[i];

		cc_write_raw(w, "\xE2\x80\x94 ", 4);
		cc_write_raw(w, s->name.data, s->name.len);
		cc_write_u8(w, ' ');
		cc_write_raw(w, s->digits.data, s->digits.len);
		cc_write_u8(w, '\n');
	}
}

static void
check_with(const cc_checkpoint *c, const char *key)
{
	cc_vkey		k;

	if (cc_vkey_parse(&k, key, strlen(key)) != CC_OK)
		abort();
	(void) !cc_checkpoint_check(c, &k);
	(void) !cc_checkpoint_signed(c, &k, 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t    *in = exact_copy(data, len);
	uint8_t    *note = malloc(len + 1);
	cc_checkpoint c;
	cc_writer	w;

	if (cc_checkpoint_parse(&c, (const char *) in, len) == CC_OK)
	{
		cc_writer_init(&w, note, len);
		write_note(&c, &w);
		if (w.status != CC_OK || w.len != len || memcmp(note, in, len) != 0)
			abort();
		check_with(&c, NOTE_KEY);
		check_with(&c, WITNESS_KEY);
	}
	free(note);
	free(in);
	return 0;
}
