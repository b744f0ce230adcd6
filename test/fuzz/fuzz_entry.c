/*
 * fuzz_entry.c
 *	  Committed part of an entry.
 */
#include "fuzz.h"

FUZZ_CODEC(entry_codec);
