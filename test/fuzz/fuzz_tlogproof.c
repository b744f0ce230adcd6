/*
 * fuzz_tlogproof.c
 *	  Leaf proofs and add-checkpoint bodies: what parses is written back,
 *	  unless it holds an extra line; checking one is safe.
 */
#include "core/tlogproof.h"

#include "fuzz.h"

typedef cc_status (*parser) (cc_tlog_proof *p, const char *text, size_t len);
typedef size_t (*formatter) (char out[CC_TLOG_PROOF_MAX + 1],
							 const cc_tlog_proof *p);

/* Is the second line an extra one? */
static bool
has_extra(const uint8_t *in, size_t len)
{
	const uint8_t *lf = memchr(in, '\n', len);
	size_t		left = lf == NULL ? 0 : len - (size_t) (lf - in) - 1;

	return left >= 6 && memcmp(lf + 1, "extra ", 6) == 0;
}

static bool
take(cc_tlog_proof *p, parser parse, formatter format, const uint8_t *in,
	 size_t len)
{
	char		head[CC_TLOG_PROOF_MAX + 1];
	size_t		n;

	if (parse(p, (const char *) in, len) != CC_OK)
		return false;
	n = format(head, p);
	if (has_extra(in, len))
		return true;
	if (n > CC_TLOG_PROOF_MAX || n + p->note.len != len ||
		memcmp(head, in, n) != 0)
		abort();
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t hash[CC_DIGEST_SIZE];
	uint8_t    *in = exact_copy(data, len);
	cc_checkpoint c;
	cc_tlog_proof p;

	if (take(&p, cc_tlog_proof_parse, cc_tlog_proof_format, in, len) &&
		cc_checkpoint_parse(&c, (const char *) p.note.data,
							p.note.len) == CC_OK)
		(void) !cc_tlog_proof_check(&p, &c, hash);
	if (take(&p, cc_add_checkpoint_parse, cc_add_checkpoint_format, in,
			 len) &&
		cc_checkpoint_parse(&c, (const char *) p.note.data,
							p.note.len) == CC_OK)
		(void) !cc_add_checkpoint_check(&p, &c, hash);
	free(in);
	return 0;
}
