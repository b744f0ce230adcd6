/*
 * fuzz_event.c
 *	  Bodies of control events; the first byte chooses which.
 */
#include "fuzz.h"

static cc_status
event_codec(const uint8_t *data, size_t len, cc_writer *w)
{
	static const codec codecs[] = {
		key_event_codec, protect_event_codec, unprotect_event_codec,
		incarnation_event_codec, environment_event_codec, count_body_codec, cosigned_event_codec,
		trusted_log_event_codec, witness_event_codec, witness_key_event_codec
	};

	if (len == 0)
		return CC_E_TRUNCATED;
	cc_write_u8(w, data[0]);
	return codecs[data[0] % 10] (data + 1, len - 1, w);
}

FUZZ_CODEC(event_codec);
