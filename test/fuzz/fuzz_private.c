/*
 * fuzz_private.c
 *	  Private part; the first two bytes are the entry's kind and flags.
 */
#include "fuzz.h"

FUZZ_CODEC(private_codec);
