/*
 * prooftext.h
 *	  Lines of proofs (doc/format.md section 9): words, numbers and base64 that
 *	  is decoded where it stands.
 */
#ifndef CC_PROOFTEXT_H
#define CC_PROOFTEXT_H

#include "core/merkle.h"

extern bool cc_text_is(cc_slice line, const char *text);
/* True if the line goes on after this word; then it is what follows. */
extern bool cc_text_after(cc_slice *line, const char *word);
/* What follows the word on the next line; fails if it is another word. */
extern cc_slice cc_text_field(cc_reader *r, const char *word);
/* The next word of a field: up to the space, or all that is left. */
extern cc_slice cc_text_word(cc_slice *field);
extern void cc_text_decimal(cc_reader *r, uint64_t *out, cc_slice word);
/* Decode base64 where it stands in the text that r reads. */
extern void cc_text_decode(cc_reader *r, cc_slice *out, char *text, cc_slice word);
/* The same for joined hashes, at most CC_FRONTIER_MAX; "-" for none. */
extern void cc_text_hashes(cc_reader *r, cc_slice *out, char *text, cc_slice word);

extern void cc_text_put(cc_writer *w, const char *text);
extern void cc_text_put_decimal(cc_writer *w, uint64_t v);
extern void cc_text_put_base64(cc_writer *w, cc_slice bytes);
/* The same, "-" for none. */
extern void cc_text_put_hashes(cc_writer *w, cc_slice hashes);

#endif							/* CC_PROOFTEXT_H */
