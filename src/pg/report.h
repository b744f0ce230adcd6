/*
 * report.h
 *	  A report for people: sections of facts, and how they are written down.
 *
 * report.c collects the sections, report_incident.c groups findings,
 * report_text.c and report_html.c write.  What is written knows nothing of
 * the ledger, what is collected nothing of markup.
 */
#ifndef CUSTODY_REPORT_H
#define CUSTODY_REPORT_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

typedef enum CustodyReportForm
{
	CUSTODY_REPORT_FACTS,		/* two columns: what, and how much */
	CUSTODY_REPORT_TABLE,
	CUSTODY_REPORT_BARS			/* a time, then one number a column */
} CustodyReportForm;

/* One section; texts are in the server's encoding, never NULL. */
typedef struct CustodyReportSection
{
	const char *title;
	const char *note;			/* what the section says, and what not */
	const char *empty;			/* said in place of no rows */
	CustodyReportForm form;
	int			ncolumns;
	const char **headers;
	List	   *rows;			/* of char **, ncolumns texts each */
} CustodyReportSection;

typedef struct CustodyReport
{
	const char *title;
	const char *verdict;
	bool		alarming;		/* the verdict is bad news */
	List	   *sections;		/* of CustodyReportSection * */
} CustodyReport;

extern void custody_report_text(StringInfo out, const CustodyReport *report);
/* One page that needs nothing beside itself: no script, no font, no network. */
extern void custody_report_html(StringInfo out, const CustodyReport *report);

/*
 * SQL that groups findings, $3, a jsonb array of the rows of custody.verify().
 * Its columns are those of custody.incidents().
 */
extern const char custody_incident_query[];

#endif							/* CUSTODY_REPORT_H */
