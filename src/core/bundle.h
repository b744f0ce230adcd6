/*
 * bundle.h
 *	  Lines of a ledger bundle (doc/format.md section 8): parse one line.
 */
#ifndef CC_BUNDLE_H
#define CC_BUNDLE_H

#include "core/bytes.h"

#define CC_BUNDLE_HEADER "custody-ledger v1"

typedef enum cc_bundle_kind
{
	CC_BUNDLE_LEAF,
	CC_BUNDLE_ENTRY,
	CC_BUNDLE_CHECKPOINT
} cc_bundle_kind;

typedef struct cc_bundle_line
{
	cc_bundle_kind kind;
	cc_slice	first;			/* leaf, committed part, or note; decoded */
	cc_slice	second;			/* private part of an entry */
} cc_bundle_line;

/*
 * Parse a line without its LF; decodes base64 in place, so the line is
 * overwritten and the slices point into it.
 */
extern cc_status cc_bundle_parse(cc_bundle_line *out, char *line, size_t len) CC_CHECK_RESULT;
/* Characters of a formatted line with its LF, for parts of these lengths. */
extern size_t cc_bundle_line_size(cc_bundle_kind kind, size_t first, size_t second);
/* Writes exactly cc_bundle_line_size() characters. */
extern void cc_bundle_format(char *out, const cc_bundle_line *line);

#endif							/* CC_BUNDLE_H */
