/*
 * status.c
 *	  Plain texts of the outcomes.
 */
#include "core/status.h"

const char *
cc_status_text(cc_status status)
{
	switch (status)
	{
		case CC_OK:
			return "ok";
		case CC_E_TRUNCATED:
			return "input ends early";
		case CC_E_TRAILING:
			return "bytes left over";
		case CC_E_FORM:
			return "not in canonical form";
		case CC_E_VALUE:
			return "value out of its range";
		case CC_E_SPACE:
			return "buffer too small";
		case CC_E_CRYPTO:
			return "cryptographic library failed";
		case CC_E_KEY:
			return "not a usable key";
		case CC_E_SIGNATURE:
			return "signature does not verify";
		case CC_E_UNSIGNED:
			return "no signature of the wanted key";
		case CC_E_MISMATCH:
			return "hashes differ";
		case CC_E_RANGE:
			return "index or size out of range";
		case CC_E_UNSUPPORTED:
			return "this OpenSSL cannot check this algorithm";
		case CC_E_QUORUM:
			return "too few witnesses have cosigned";
	}
	return "unlisted status";
}
