/*
 * fuzz_keyline.c
 *	  Lines of the key history: what parses is formatted alike.
 */
#include "core/keyline.h"

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char	   *in = (char *) exact_copy(data, len);
	char		out[CC_KEY_LINE_MAX + 1];
	cc_key_line line;

	if (cc_key_line_parse(&line, in, len) == CC_OK)
	{
		if (cc_key_line_format(out, &line) != len + 1 || memcmp(out, in, len) != 0)
			abort();
	}
	free(in);
	return 0;
}
