/*
 * fuzz.h
 *	  libFuzzer's entry point for a decoder with its encoder: what is
 *	  accepted must be written back byte for byte.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "../unit/codecs.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FUZZ_CODEC(name) \
int \
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) \
{ \
	cc_status	status; \
 \
	if (!codec_holds(name, data, len, &status)) \
		abort(); \
	return 0; \
} \
extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)

#endif							/* FUZZ_H */
