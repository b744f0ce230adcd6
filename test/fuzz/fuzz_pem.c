/*
 * fuzz_pem.c
 *	  Private keys: what loads can be stored and loaded again.
 */
#include "core/sigmake.h"

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char	   *in = (char *) exact_copy(data, len);
	char		pem[CC_PEM_MAX];
	cc_signer  *s;
	cc_signer  *again;

	if (cc_signer_load(&s, in, len) == CC_OK)
	{
		if (cc_signer_store(s, pem) != CC_OK ||
			cc_signer_load(&again, pem, strlen(pem)) != CC_OK)
			abort();
		cc_signer_free(again);
		cc_signer_free(s);
	}
	free(in);
	return 0;
}
