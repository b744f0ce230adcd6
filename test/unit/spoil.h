/*
 * spoil.h
 *	  Every small change of a text, put to a judge: none may pass for
 *	  another content.
 */
#ifndef SPOIL_H
#define SPOIL_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

typedef enum spoil_verdict
{
	SPOIL_REFUSED,
	SPOIL_SAME,					/* accepted, and says what the text said */
	SPOIL_OTHER					/* accepted, and says something else */
} spoil_verdict;

typedef spoil_verdict (*spoil_judge) (const char *text, size_t len);

typedef struct spoil
{
	const char *what;
	const char *text;
	size_t		len;
	char	   *work;
	spoil_judge judge;
	int			tried;			/* changes since the last report */
	int			same;
	int			other;
} spoil;

/* Changes tried by all spoils of the program. */
static int	spoil_total;

#define SPOIL_LINES_MAX 64

static void
spoil_init(spoil *s, const char *what, const char *text, size_t len,
		   spoil_judge judge)
{
	memset(s, 0, sizeof(*s));
	s->what = what;
	s->text = text;
	s->len = len;
	s->judge = judge;
	s->work = malloc(2 * len + 16);
	if (s->work == NULL)
		abort();
	ok(judge(text, len) == SPOIL_SAME, "%s: accepted as it is", what);
}

static void
spoil_count(spoil *s, spoil_verdict verdict)
{
	s->tried++;
	spoil_total++;
	s->same += verdict == SPOIL_SAME;
	s->other += verdict == SPOIL_OTHER;
}

/* Judge what is in s->work, unless it is the text itself. */
static void
spoil_try(spoil *s, size_t len)
{
	if (len != s->len || memcmp(s->work, s->text, len) != 0)
		spoil_count(s, s->judge(s->work, len));
}

/* same: how many changes of this sort say the same. */
static void
spoil_report(spoil *s, const char *change, int same)
{
	ok(s->tried > 0 && s->other == 0 && s->same == same,
	   "%s: %s (%d changes)", s->what, change, s->tried);
	s->tried = s->same = s->other = 0;
}

/* Bytes */

static void
spoil_bits(spoil *s)
{
	size_t		bit;

	memcpy(s->work, s->text, s->len);
	for (bit = 0; bit < s->len * 8; bit++)
	{
		s->work[bit / 8] ^= (char) (1 << bit % 8);
		spoil_try(s, s->len);
		s->work[bit / 8] ^= (char) (1 << bit % 8);
	}
	spoil_report(s, "no flipped bit", 0);
}

/* Replace 'cut' bytes at a place by others. */
static void
spoil_replace(spoil *s, size_t at, size_t cut, const char *with, size_t len)
{
	memcpy(s->work, s->text, at);
	memcpy(s->work + at, with, len);
	memcpy(s->work + at + len, s->text + at + cut, s->len - at - cut);
	spoil_try(s, s->len - cut + len);
}

static void
spoil_bytes(spoil *s)
{
	static const char others[] = "\r\n -=+/09Aaz\0\377";
	char		pair[2];
	size_t		i;
	size_t		k;

	for (i = 0; i < s->len; i++)
	{
		for (k = 0; k < sizeof(others) - 1; k++)
			spoil_replace(s, i, 1, others + k, 1);
		for (k = 0; k < 6; k++)
			spoil_replace(s, i, 0, others + k, 1);
		spoil_replace(s, i, 1, "", 0);
		spoil_replace(s, i, 0, s->text + i, 1);
		if (i + 1 == s->len)
			break;
		pair[0] = s->text[i + 1];
		pair[1] = s->text[i];
		spoil_replace(s, i, 2, pair, 2);
	}
	spoil_report(s, "no byte replaced, added, dropped, doubled or swapped",
				 0);
}

static void
spoil_cuts(spoil *s)
{
	size_t		i;

	memcpy(s->work, s->text, s->len);
	for (i = 0; i < s->len; i++)
		spoil_try(s, i);
	for (i = 1; i < s->len; i++)
		spoil_count(s, s->judge(s->text + i, s->len - i));
	spoil_report(s, "no part of it", 0);
}

static void
spoil_trailing(spoil *s)
{
	int			c;

	memcpy(s->work, s->text, s->len);
	for (c = 0; c < 256; c++)
	{
		s->work[s->len] = (char) c;
		spoil_try(s, s->len + 1);
	}
	memcpy(s->work + s->len, s->text, s->len);
	spoil_try(s, 2 * s->len);
	spoil_report(s, "no trailing bytes", 0);
}

/* CR before every LF, and before one at a time. */
static void
spoil_crlf(spoil *s)
{
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < s->len; i++)
	{
		if (s->text[i] == '\n')
			s->work[n++] = '\r';
		s->work[n++] = s->text[i];
	}
	spoil_try(s, n);
	for (i = 0; i < s->len; i++)
		if (s->text[i] == '\n')
			spoil_replace(s, i, 0, "\r", 1);
	spoil_report(s, "no CR", 0);
}

/* Left-over bits set, padding left out or added. */
static void
spoil_base64(spoil *s)
{
	static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t		i;
	size_t		k;

	for (i = 1; i < s->len; i++)
	{
		if (s->text[i] == '\n')
			spoil_replace(s, i, 0, "=", 1);
		if (s->text[i] != '=')
			continue;
		spoil_replace(s, i, 1, "", 0);
		for (k = 0; k < 64; k++)
			spoil_replace(s, i - 1, 1, digits + k, 1);
	}
	spoil_report(s, "no other base64", 0);
}

/* Lines */

typedef struct spoil_line
{
	size_t		at;
	size_t		len;			/* with its LF */
} spoil_line;

static int
spoil_split(const spoil *s, spoil_line lines[SPOIL_LINES_MAX])
{
	size_t		at = 0;
	size_t		i;
	int			n = 0;

	for (i = 0; i < s->len; i++)
	{
		if (s->text[i] != '\n')
			continue;
		if (n == SPOIL_LINES_MAX)
			abort();
		lines[n].at = at;
		lines[n].len = i + 1 - at;
		at = i + 1;
		n++;
	}
	return n;
}

/* The text with lines a and b in each other's place. */
static void
spoil_swap(spoil *s, const spoil_line *lines, int n, int a, int b)
{
	size_t		len = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		const spoil_line *line = &lines[i == a ? b : i == b ? a : i];

		memcpy(s->work + len, s->text + line->at, line->len);
		len += line->len;
	}
	spoil_try(s, len);
}

/* The one signature line may stand twice. */
static void
spoil_lines(spoil *s)
{
	spoil_line	lines[SPOIL_LINES_MAX];
	int			n = spoil_split(s, lines);
	int			i;
	int			k;

	for (i = 0; i < n; i++)
		spoil_replace(s, lines[i].at, lines[i].len, "", 0);
	spoil_report(s, "no line dropped", 0);
	for (i = 0; i < n; i++)
		spoil_replace(s, lines[i].at, 0, s->text + lines[i].at,
					  lines[i].len);
	spoil_report(s, "no line doubled but the signature's", 1);
	for (i = 0; i < n; i++)
		for (k = i + 1; k < n; k++)
			spoil_swap(s, lines, n, i, k);
	spoil_report(s, "no lines swapped", 0);
}

static void
spoil_characters(spoil *s)
{
	spoil_bits(s);
	spoil_bytes(s);
	spoil_cuts(s);
	spoil_trailing(s);
	spoil_crlf(s);
	spoil_base64(s);
}

/* All but changes of lines, for a text of one. */
static inline void
spoil_one_line(const char *what, const char *text, size_t len,
			   spoil_judge judge)
{
	spoil		s;

	spoil_init(&s, what, text, len, judge);
	spoil_characters(&s);
	free(s.work);
}

/* All of the above. */
static inline void
spoil_text(const char *what, const char *text, size_t len, spoil_judge judge)
{
	spoil		s;

	spoil_init(&s, what, text, len, judge);
	spoil_characters(&s);
	spoil_lines(&s);
	free(s.work);
}

/* Parts of something that a judge writes and judges anew */

/* The part lies in memory of the test's own, whatever its type says. */
static inline void
spoil_part(const void *part, size_t len, void (*judge_anew) (void))
{
	uint8_t    *bytes = (uint8_t *) (uintptr_t) part;
	size_t		bit;

	for (bit = 0; bit < len * 8; bit++)
	{
		bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
		judge_anew();
		bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
}

static inline void
spoil_number(uint64_t *number, void (*judge_anew) (void))
{
	static const uint64_t others[] = {
		0, 1, UINT64_C(1) << 62, (UINT64_C(1) << 62) + 1, INT64_MAX,
		(uint64_t) INT64_MAX + 1, UINT64_MAX
	};
	uint64_t	right = *number;
	size_t		i;

	spoil_part(number, sizeof(*number), judge_anew);
	*number = right + 1;
	judge_anew();
	*number = right - 1;
	judge_anew();
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		*number = others[i];
		judge_anew();
	}
	*number = right;
}

#endif							/* SPOIL_H */
