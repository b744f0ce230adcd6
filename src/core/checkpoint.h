/*
 * checkpoint.h
 *	  The signed tree head: C2SP tlog-checkpoint in a signed-note
 *	  (doc/format.md section 6).
 */
#ifndef CC_CHECKPOINT_H
#define CC_CHECKPOINT_H

#include "core/merkle.h"
#include "core/sigcheck.h"

/* More would only be a way to make readers work. */
#define CC_NOTE_SIGNATURES_MAX 100
#define CC_CHECKPOINT_TEXT_MAX (CC_ORIGIN_MAX + 1 + 20 + 1 + 44 + 1)
/* em dash, space, name, space, base64(id + signature), LF */
#define CC_NOTE_LINE_MAX (4 + CC_ORIGIN_MAX + 1 + CC_BASE64_SIZE(4 + CC_SIGNATURE_MAX) + 1)
/* A note of one signature line, or of two: where one key hands over to the next. */
#define CC_NOTE_MAX (CC_CHECKPOINT_TEXT_MAX + 1 + 2 * CC_NOTE_LINE_MAX)

/* A signature line; the signature is decoded when it is checked. */
typedef struct cc_note_signature
{
	cc_slice	name;
	uint32_t	id;
	cc_slice	digits;			/* canonical base64 of id and signature */
} cc_note_signature;

/* A parsed note; slices point into the text that was parsed. */
typedef struct cc_checkpoint
{
	char		origin[CC_ORIGIN_MAX + 1];
	uint64_t	size;
	uint8_t		root[CC_DIGEST_SIZE];
	cc_slice	text;			/* what is signed */
	int			nsignatures;
	cc_note_signature signatures[CC_NOTE_SIGNATURES_MAX];
} cc_checkpoint;

/* The three lines; returns the length, NUL-terminates. */
extern size_t cc_checkpoint_text(char out[CC_CHECKPOINT_TEXT_MAX + 1], const char *origin,
								 uint64_t size, const uint8_t root[CC_DIGEST_SIZE]);
/* H(0x19 || text). */
extern void cc_checkpoint_digest(uint8_t out[CC_DIGEST_SIZE], const char *origin,
								 uint64_t size, const uint8_t root[CC_DIGEST_SIZE]);
/* One signature line with its LF; returns the length, NUL-terminates. */
extern size_t cc_note_line(char out[CC_NOTE_LINE_MAX + 1], const char *name, uint32_t id,
						   const uint8_t *signature, size_t len);
/*
 * Make a note that passed through mail, shells and editors what it was: no CR,
 * one LF at the end.  In place, with room for one byte more; returns the length.
 */
extern size_t cc_note_restore(char *note, size_t len);
/* Strict: canonical base64, exactly three text lines, 1..100 signatures. */
extern cc_status cc_checkpoint_parse(cc_checkpoint *c, const char *note, size_t len) CC_CHECK_RESULT;
/* The three lines alone: what is to be signed. */
extern cc_status cc_checkpoint_text_parse(cc_checkpoint *c, const char *text, size_t len) CC_CHECK_RESULT;
/* One line without its LF, as cc_checkpoint_parse reads it. */
extern cc_status cc_note_line_parse(cc_note_signature *s, cc_slice line) CC_CHECK_RESULT;
/* CC_E_SPACE: longer than any that is checked here. */
extern cc_status cc_note_signature_decode(const cc_note_signature *s, uint8_t out[CC_SIGNATURE_MAX],
										  size_t *len) CC_CHECK_RESULT;
/* One line against a key and a checkpoint; CC_E_UNSIGNED: of another key. */
extern cc_status cc_note_line_check(const cc_checkpoint *c, const cc_note_signature *s,
									const cc_vkey *k) CC_CHECK_RESULT;
/*
 * CC_OK if the note has a line of this key and every such line verifies;
 * CC_E_UNSIGNED if it has none.  A key that is not a witness's signs only
 * for the origin of its own name.
 */
extern cc_status cc_checkpoint_check(const cc_checkpoint *c, const cc_vkey *k) CC_CHECK_RESULT;
/*
 * Does the log stand behind the note, going by the keys that the caller
 * trusts?  CC_OK: one of them signed, and no line of one of them is wrong;
 * such a line spoils the note.  CC_E_UNSIGNED: none did.  Witnesses are passed
 * over, they do not speak for the log.  CC_E_UNSUPPORTED: the only lines of
 * trusted keys are of an algorithm that OpenSSL lacks.
 */
extern cc_status cc_checkpoint_signed(const cc_checkpoint *c, const cc_vkey *keys, size_t nkeys) CC_CHECK_RESULT;

#endif							/* CC_CHECKPOINT_H */
