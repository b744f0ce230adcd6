/*
 * answer.c
 *	  Answers: what was asked for, or why not.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signer.h"

#define SENTENCE_MAX 1024

void
answer_begin(Answer *a, cc_writer *w)
{
	cc_writer_init(w, a->text, CC_REPLY_MAX);
	cc_write_raw(w, cc_reply_head(CC_REPLY_OK), strlen(cc_reply_head(CC_REPLY_OK)));
}

bool
answer_fail(Answer *a, cc_reply_kind kind, const char *format,...)
{
	const char *head = cc_reply_head(kind);
	char		sentence[SENTENCE_MAX];
	va_list		args;

	va_start(args, format);
	(void) vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	a->len = (size_t) snprintf(a->text, sizeof(a->text), "%s%s\n", head, sentence);
	say("%.*s: %s", (int) strlen(head) - 1, head, sentence);
	return false;
}
