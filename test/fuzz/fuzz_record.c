/*
 * fuzz_record.c
 *	  Transaction record.
 */
#include "fuzz.h"

FUZZ_CODEC(record_codec);
