/*
 * fuzz_historyproof.c
 *	  Proofs of a row's life: what parses is written back; checking one is
 *	  safe, down to its values.
 */
#include "core/historyproof.h"

#include "fuzz.h"

#define LOG_KEY \
	"hospital.example/custody+7d934132+" \
	"AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"

static cc_history_room room;

/* The checkpoint stands behind what is written. */
static void
write_again(const cc_history *h, const uint8_t *data, size_t len)
{
	uint8_t    *out = malloc(len + 1);
	cc_writer	w;

	if (out == NULL)
		abort();
	cc_writer_init(&w, out, len);
	cc_history_format(&w, h);
	if (w.status != CC_OK || memcmp(out, data, w.len) != 0 ||
		w.len + h->note.len != len)
		abort();
	free(out);
}

/* Touch every byte that is shown. */
static void
read_values(const cc_history *h, size_t at)
{
	cc_history_version *v = &room.versions[0];
	uint16_t	i;

	(void) cc_history_link_text(h->items[at].link);
	(void) cc_history_gap(h, at);
	if (cc_history_open(h, at, v) != CC_OK || !h->items[at].is_version)
		return;
	for (i = 0; v->shown.key_open && i < cc_schema_key_count(&v->schema); i++)
		(void) cc_value_equal(&v->key[i], &v->key[0]);
	for (i = 0; cc_kind_has_row(v->entry.kind) && i < v->schema.ncolumns; i++)
		if (v->columns[i].open)
			(void) cc_lookup_subject(&v->columns[i].value);
}

static void
check(cc_history *h, const cc_vkey *k)
{
	cc_proof_step step;
	cc_status	status;
	size_t		at;

	status = cc_history_check(h, &room, k, 1, &step, &at);
	if ((status == CC_OK) != (step == CC_STEP_NONE) || at > h->nitems)
		abort();
	for (at = 0; at < h->nitems; at++)
		read_values(h, at);
	at = 0;
	while (status == CC_OK && cc_history_next(h, &at, &room) != NULL)
		;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char	   *in = (char *) exact_copy(data, len);
	cc_history	h = {0};
	cc_vkey		k;

	if (cc_vkey_parse(&k, LOG_KEY, strlen(LOG_KEY)) != CC_OK)
		abort();
	cc_history_measure(in, len, &h.schema_capacity, &h.item_capacity);
	h.schemas = calloc(h.schema_capacity + 1, sizeof(cc_slice));
	h.items = calloc(h.item_capacity + 1, sizeof(cc_history_item));
	if (h.schemas == NULL || h.items == NULL)
		abort();
	if (cc_history_parse(&h, in, len) == CC_OK)
	{
		write_again(&h, data, len);
		check(&h, &k);
	}
	free(h.schemas);
	free(h.items);
	free(in);
	return 0;
}
