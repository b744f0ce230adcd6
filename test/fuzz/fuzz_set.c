/*
 * fuzz_set.c
 *	  Stored set hashes: what loads is stored alike, and what is added to it
 *	  and taken away again leaves it as it was.
 */
#include "core/sethash.h"

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t    *in = exact_copy(data, len);
	uint8_t		out[CC_SET_BYTES];
	static cc_set set;
	static cc_set twice;

	if (cc_set_load(&set, in, len) == CC_OK)
	{
		cc_set_store(&set, out);
		if (len != CC_SET_BYTES || memcmp(out, in, len) != 0)
			abort();
		twice = set;
		cc_set_merge(&twice, &set);
		cc_set_subtract(&twice, &set);
		if (!cc_set_equal(&twice, &set))
			abort();
	}
	free(in);
	return 0;
}
