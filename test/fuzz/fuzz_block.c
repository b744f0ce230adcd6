/*
 * fuzz_block.c
 *	  Block header.
 */
#include "fuzz.h"

FUZZ_CODEC(block_codec);
