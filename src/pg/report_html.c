/*
 * report_html.c
 *	  A report as one self-contained HTML page.
 *
 * Every text from outside passes through append_text, which leaves nothing but
 * ASCII: the page reads the same whatever encodings it passes through.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "pg/report.h"

/* The drawing, in pixels. */
#define CHART_WIDTH 900
#define CHART_HEIGHT 160
#define CHART_FOOT 40

static const char page_style[] =
"body{font:15px/1.45 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:1080px;margin:2rem auto;padding:0 1rem}"
"h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2rem 0 .25rem;border-bottom:1px solid #d0d7de}"
"p.note{color:#57606a;margin:.25rem 0 .75rem;max-width:75ch}p.empty{color:#57606a}"
"p.verdict{padding:.75rem 1rem;border-left:6px solid #1a7f37;background:#dafbe1;font-weight:600}"
"p.verdict.alarm{border-color:#cf222e;background:#ffebe9}"
"div.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}"
"th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #d8dee4;overflow-wrap:break-word;max-width:36rem}"
"th{background:#f6f8fa;white-space:nowrap}svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:#57606a}"
"@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}";

/* A character that is not plain ASCII text. */
static void
append_special(StringInfo out, const unsigned char *utf8)
{
	appendStringInfo(out, "&#%u;", (unsigned int) utf8_to_unicode(utf8));
}

static void
append_text(StringInfo out, const char *text)
{
	char	   *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);

	for (const unsigned char *c = (unsigned char *) utf8; *c != '\0'; c += pg_utf_mblen(c))
		if (*c >= 0x80 || strchr("&<>\"'", *c) != NULL)
			append_special(out, c);
		else
			appendStringInfoChar(out, (char) *c);
	if (utf8 != text)
		pfree(utf8);
}

/* An element with a text in it. */
static void
append_element(StringInfo out, const char *open, const char *text, const char *close)
{
	appendStringInfoString(out, open);
	append_text(out, text);
	appendStringInfoString(out, close);
}

static void
append_table(StringInfo out, const CustodyReportSection *s)
{
	ListCell   *lc;

	appendStringInfoString(out, "<div class=\"wide\"><table>\n");
	if (s->form == CUSTODY_REPORT_TABLE)
	{
		appendStringInfoString(out, "<tr>");
		for (int i = 0; i < s->ncolumns; i++)
			append_element(out, "<th>", s->headers[i], "</th>");
		appendStringInfoString(out, "</tr>\n");
	}
	foreach(lc, s->rows)
	{
		char	  **texts = lfirst(lc);

		appendStringInfoString(out, "<tr>");
		for (int i = 0; i < s->ncolumns; i++)
			if (s->form == CUSTODY_REPORT_FACTS && i == 0)
				append_element(out, "<th>", texts[i], "</th>");
			else
				append_element(out, "<td>", texts[i], "</td>");
		appendStringInfoString(out, "</tr>\n");
	}
	appendStringInfoString(out, "</table></div>\n");
}

/* What a bar says when it is pointed at. */
static void
append_bar_title(StringInfo out, const CustodyReportSection *s, char **texts)
{
	appendStringInfoString(out, "<title>");
	append_text(out, texts[0]);
	for (int i = 1; i < s->ncolumns; i++)
	{
		appendStringInfoString(out, i == 1 ? ": " : ", ");
		append_text(out, texts[i]);
		appendStringInfoChar(out, ' ');
		append_text(out, s->headers[i]);
	}
	appendStringInfoString(out, "</title>");
}

static void
append_bar(StringInfo out, const CustodyReportSection *s, char **texts, int at, double step, double most)
{
	double		value = atof(texts[s->ncolumns - 1]);
	double		height = most > 0 ? value / most * CHART_HEIGHT : 0;

	if (value > 0)
		height = Max(height, 1);
	appendStringInfo(out, "<g><rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%d\" fill=\"transparent\"/>"
					 "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#0969da\"/>",
					 at * step, step, CHART_HEIGHT,
					 at * step + step * 0.1, CHART_HEIGHT - height, step * 0.8, height);
	append_bar_title(out, s, texts);
	appendStringInfoString(out, "</g>\n");
}

static void
append_bars(StringInfo out, const CustodyReportSection *s)
{
	double		step = (double) CHART_WIDTH / list_length(s->rows);
	double		most = 0;
	int			at = 0;
	ListCell   *lc;

	foreach(lc, s->rows)
		most = Max(most, atof(((char **) lfirst(lc))[s->ncolumns - 1]));
	appendStringInfo(out, "<svg viewBox=\"0 -16 %d %d\" role=\"img\" aria-label=\"", CHART_WIDTH,
					 CHART_HEIGHT + CHART_FOOT);
	append_text(out, s->title);
	appendStringInfo(out, "\">\n<line x1=\"0\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#8c959f\"/>\n",
					 CHART_HEIGHT, CHART_WIDTH, CHART_HEIGHT);
	appendStringInfo(out, "<text x=\"0\" y=\"-4\">%.0f ", most);
	append_text(out, s->headers[s->ncolumns - 1]);
	appendStringInfoString(out, " at most</text>\n");
	foreach(lc, s->rows)
		append_bar(out, s, lfirst(lc), at++, step, most);
	appendStringInfo(out, "<text x=\"0\" y=\"%d\">", CHART_HEIGHT + 16);
	append_text(out, ((char **) linitial(s->rows))[0]);
	appendStringInfo(out, "</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">", CHART_WIDTH, CHART_HEIGHT + 16);
	append_text(out, ((char **) llast(s->rows))[0]);
	appendStringInfoString(out, "</text>\n</svg>\n");
}

static void
append_section(StringInfo out, const CustodyReportSection *s)
{
	appendStringInfoString(out, "<section>\n");
	append_element(out, "<h2>", s->title, "</h2>\n");
	append_element(out, "<p class=\"note\">", s->note, "</p>\n");
	if (s->rows == NIL)
		append_element(out, "<p class=\"empty\">", s->empty, "</p>\n");
	else if (s->form == CUSTODY_REPORT_BARS)
		append_bars(out, s);
	else
		append_table(out, s);
	appendStringInfoString(out, "</section>\n");
}

void
custody_report_html(StringInfo out, const CustodyReport *report)
{
	ListCell   *lc;

	appendStringInfoString(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
						   "<meta name=\"viewport\" content=\"width=device-width\">\n");
	append_element(out, "<title>", report->title, "</title>\n");
	appendStringInfo(out, "<style>%s</style>\n</head>\n<body>\n", page_style);
	append_element(out, "<h1>", report->title, "</h1>\n");
	append_element(out, report->alarming ? "<p class=\"verdict alarm\">" : "<p class=\"verdict\">",
				   report->verdict, "</p>\n");
	foreach(lc, report->sections)
		append_section(out, lfirst(lc));
	appendStringInfoString(out, "</body>\n</html>\n");
}
