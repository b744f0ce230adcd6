/*
 * report_text.c
 *	  A report as plain text, for a terminal or a printer.
 *
 * Columns are as wide as their widest text, counted in characters as they are
 * displayed; the last is not padded.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "pg/report.h"

#define BAR_WIDTH 40

static int
width_of(const char *text)
{
	int			width = 0;

	for (; *text != '\0'; text += pg_mblen(text))
		width += Max(pg_encoding_dsplen(GetDatabaseEncoding(), text), 0);
	return width;
}

static void
append_line(StringInfo out, char c, int n)
{
	appendStringInfoSpaces(out, n);
	memset(out->data + out->len - n, c, n);
	appendStringInfoChar(out, '\n');
}

static void
append_title(StringInfo out, const char *title, char underline)
{
	appendStringInfo(out, "%s\n", title);
	append_line(out, underline, width_of(title));
}

static void
append_row(StringInfo out, const CustodyReportSection *s, const int *widths, const char *const *texts)
{
	for (int i = 0; i < s->ncolumns; i++)
	{
		appendStringInfo(out, "%s%s", i == 0 ? "  " : " | ", texts[i]);
		if (i < s->ncolumns - 1)
			appendStringInfoSpaces(out, widths[i] - width_of(texts[i]));
	}
	appendStringInfoChar(out, '\n');
}

static int *
column_widths(const CustodyReportSection *s)
{
	int		   *widths = palloc(s->ncolumns * sizeof(int));
	ListCell   *lc;

	for (int i = 0; i < s->ncolumns; i++)
		widths[i] = width_of(s->headers[i]);
	foreach(lc, s->rows)
		for (int i = 0; i < s->ncolumns; i++)
			widths[i] = Max(widths[i], width_of(((char **) lfirst(lc))[i]));
	return widths;
}

static void
append_table(StringInfo out, const CustodyReportSection *s)
{
	int		   *widths = column_widths(s);
	int			total = 0;
	ListCell   *lc;

	if (s->form == CUSTODY_REPORT_TABLE)
	{
		for (int i = 0; i < s->ncolumns; i++)
			total += widths[i] + (i > 0 ? 3 : 0);
		append_row(out, s, widths, s->headers);
		appendStringInfoString(out, "  ");
		append_line(out, '-', total);
	}
	foreach(lc, s->rows)
		append_row(out, s, widths, lfirst(lc));
}

/* The last column, drawn; the others, written. */
static void
append_bars(StringInfo out, const CustodyReportSection *s)
{
	double		most = 0;
	ListCell   *lc;

	foreach(lc, s->rows)
		most = Max(most, atof(((char **) lfirst(lc))[s->ncolumns - 1]));
	foreach(lc, s->rows)
	{
		char	  **texts = lfirst(lc);
		double		value = atof(texts[s->ncolumns - 1]);
		int			bar = most > 0 ? (int) (value / most * BAR_WIDTH + 0.5) : 0;

		appendStringInfo(out, "  %s ", texts[0]);
		for (int i = 0; i < bar; i++)
			appendStringInfoChar(out, '#');
		for (int i = 1; i < s->ncolumns; i++)
			appendStringInfo(out, " %s %s", texts[i], s->headers[i]);
		appendStringInfoChar(out, '\n');
	}
}

static void
append_section(StringInfo out, const CustodyReportSection *s)
{
	appendStringInfoChar(out, '\n');
	append_title(out, s->title, '-');
	appendStringInfo(out, "%s\n\n", s->note);
	if (s->rows == NIL)
		appendStringInfo(out, "  %s\n", s->empty);
	else if (s->form == CUSTODY_REPORT_BARS)
		append_bars(out, s);
	else
		append_table(out, s);
}

void
custody_report_text(StringInfo out, const CustodyReport *report)
{
	ListCell   *lc;

	append_title(out, report->title, '=');
	appendStringInfo(out, "\n%s\n", report->verdict);
	foreach(lc, report->sections)
		append_section(out, lfirst(lc));
}
