/*
 * fuzz_vkey.c
 *	  Verifier keys: what parses is formatted alike.
 */
#include "core/sigcheck.h"

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char	   *in = (char *) exact_copy(data, len);
	char		out[CC_VERIFIER_KEY_MAX + 1];
	cc_vkey		k;

	if (cc_vkey_parse(&k, in, len) == CC_OK)
	{
		cc_vkey_format(out, &k);
		if (strlen(out) != len || memcmp(out, in, len) != 0)
			abort();
	}
	free(in);
	return 0;
}
