/*
 * verify_cosignature.c
 *	  Witnesses of this log: log_witness against the entries, and every stored
 *	  cosignature against the checkpoint it is of.
 *
 * A cosignature stays true when its witness is not trusted any longer: it is
 * checked with every key that the witness's name ever stood for.  One that was
 * removed leaves no trace here; whoever holds the line still has it.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/catalog.h"
#include "pg/cosignature.h"
#include "pg/verify_events.h"
#include "pg/witness.h"

void
custody_verify_witnesses_rows(CustodyVerify *v)
{
	ListCell   *lc;

	v->events->witnesses = custody_witness_statements(v->snapshot);
	foreach(lc, v->events->witnesses)
		custody_verify_body_row(v, CC_KIND_WITNESS, custody_witness_event(lfirst(lc)));
}

/* The status of a line under the key of its name that made it. */
static cc_status
check_line(CustodyVerify *v, const CustodyCosignature *line, const cc_checkpoint *c)
{
	cc_status	status = CC_E_UNSIGNED;
	ListCell   *lc;

	foreach(lc, v->events->witnesses)
	{
		CustodyWitness *w = lfirst(lc);

		if (!w->readable || strcmp(w->name, line->witness) != 0)
			continue;
		status = custody_cosignature_check(line, c, &w->key);
		if (status != CC_E_UNSIGNED)
			break;
	}
	return status;
}

static void
invalid_line(CustodyVerify *v, const CustodyCosignature *line, const char *why)
{
	custody_verify_tampering(v, "cosignature_invalid", NULL,
							 line->tree_size > 0 ? line->tree_size - 1 : CUSTODY_NO_LEAF,
							 psprintf("key id %08llx", (unsigned long long) line->key_id),
							 "log_cosignature: the line of witness \"%s\" under size %lld is no cosignature of this ledger: %s",
							 line->witness, (long long) line->tree_size, why);
}

/* All lines under one checkpoint; returns how many could not be checked. */
static int64
check_size(CustodyVerify *v, int64 size)
{
	char	   *note = custody_verify_checkpoint_note(v, size);
	cc_checkpoint c;
	bool		readable = note != NULL &&
		cc_checkpoint_parse(&c, note, strlen(note)) == CC_OK && c.size == (uint64) size;
	int64		unchecked = 0;
	ListCell   *lc;

	foreach(lc, custody_cosignature_load(size, v->snapshot))
	{
		CustodyCosignature *line = lfirst(lc);
		cc_status	status = readable ? check_line(v, line, &c) : CC_OK;

		CHECK_FOR_INTERRUPTS();
		if (!readable)
			invalid_line(v, line, "there is no readable checkpoint of that size");
		else if (status == CC_E_UNSUPPORTED)
			unchecked++;
		else if (status == CC_E_UNSIGNED)
			invalid_line(v, line, "it is of no key that was ever trusted under that name");
		else if (status != CC_OK)
			invalid_line(v, line, cc_status_text(status));
	}
	return unchecked;
}

static void
report_unchecked(CustodyVerify *v, int64 n)
{
	CustodyFinding f = {CUSTODY_NOTICE, "cosignature_unchecked", NULL, (Datum) 0, CUSTODY_NO_LEAF};

	f.message = psprintf("%lld cosignatures are of an algorithm that this server's OpenSSL lacks",
						 (long long) n);
	f.detail = "They were checked when they were stored, on a server that could.";
	custody_verify_report(v, &f);
}

void
custody_verify_cosignatures(CustodyVerify *v)
{
	CustodyScan scan;
	int64		size = -1;
	bool		first = true;
	int64		unchecked = 0;

	custody_catalog_scan_begin(&scan, CUSTODY_LOG_COSIGNATURE, CUSTODY_COSIGNATURE_PKEY,
							   v->snapshot, ForwardScanDirection, 0, NULL);
	while (custody_catalog_scan_next(&scan))
	{
		int64		next = DatumGetInt64(custody_catalog_get(&scan, Anum_cosignature_tree_size));
		MemoryContext old = MemoryContextSwitchTo(v->scratch);

		if ((first || next != size) && (next > v->since || v->since == 0))
			unchecked += check_size(v, next);
		first = false;
		size = next;
		MemoryContextSwitchTo(old);
		MemoryContextReset(v->scratch);
	}
	custody_catalog_scan_end(&scan);
	if (unchecked > 0)
		report_unchecked(v, unchecked);
}
