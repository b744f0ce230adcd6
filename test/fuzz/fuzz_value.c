/*
 * fuzz_value.c
 *	  Stored value.
 */
#include "fuzz.h"

FUZZ_CODEC(value_codec);
