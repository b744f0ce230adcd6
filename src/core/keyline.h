/*
 * keyline.h
 *	  Lines of the key history beside the tiles (doc/format.md section 11).
 */
#ifndef CC_KEYLINE_H
#define CC_KEYLINE_H

#include "core/sigcheck.h"

/* One key of one epoch. */
typedef struct cc_key_line
{
	uint32_t	epoch;
	uint64_t	first;			/* size of the first checkpoint it signed; 0: none */
	uint64_t	last;			/* of the last; 0: the epoch goes on, or none */
	cc_vkey		key;
} cc_key_line;

/* epoch, first or '-', last or '-', verifier key, LF: the most a line takes. */
#define CC_KEY_LINE_MAX (3 * (CC_DECIMAL_MAX + 1) + CC_VERIFIER_KEY_MAX + 1)

/* Parse a line without its LF. */
extern cc_status cc_key_line_parse(cc_key_line *out, const char *line, size_t len) CC_CHECK_RESULT;
/* Writes the line with its LF; returns the length, NUL-terminates. */
extern size_t cc_key_line_format(char out[CC_KEY_LINE_MAX + 1], const cc_key_line *line);

#endif							/* CC_KEYLINE_H */
