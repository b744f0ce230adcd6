/*
 * fuzz_schema.c
 *	  Schema definition.
 */
#include "fuzz.h"

FUZZ_CODEC(schema_codec);
