/*
 * verify_marks.h
 *	  The stored marks of a transaction's entries, held against their hashes.
 */
#ifndef CUSTODY_VERIFY_MARKS_H
#define CUSTODY_VERIFY_MARKS_H

#include "pg/verify.h"

/* CustodyMarks at hand: of a small transaction all, of a large one those of a row. */
typedef struct CustodyMarks
{
	CustodyVerify *v;
	bool		any;			/* there should be some */
	bytea	   *bytes;			/* NULL: none known */
	int64		first;			/* entry of the first */
	bool		in_leaf;
} CustodyMarks;

/* marked: there should be some; marks: as log_leaf has them, or NULL. */
extern void custody_marks_begin(CustodyMarks *m, CustodyVerify *v, bool marked, const bytea *marks);
/* Does the entry's hash begin as its mark says?  Entries come in order. */
extern bool custody_marks_agree(CustodyMarks *m, int64 entry_no, const uint8 hash[CC_DIGEST_SIZE]);
/* Are there as many as entries? */
extern bool custody_marks_end(const CustodyMarks *m, int64 entries);

#endif							/* CUSTODY_VERIFY_MARKS_H */
