/*
 * grade.h
 *	  Who vouches for a block.
 *
 * A checkpoint vouches for all leaves before it, so a block has the best that
 * was said of its own checkpoint or a later one.
 */
#ifndef CUSTODY_GRADE_H
#define CUSTODY_GRADE_H

#include "utils/array.h"
#include "utils/snapshot.h"

typedef struct CustodyGrades CustodyGrades;

/*
 * How far the log is signed, anchored and cosigned.  Only cosignatures that
 * verify now count; signatures and anchors are taken from our tables.
 */
extern CustodyGrades *custody_grade_load(Snapshot snapshot);
/* "unsigned", "sealed", "anchored" or "cosigned". */
extern const char *custody_grade_of(const CustodyGrades *g, int64 tree_size);
/* Names of the witnesses that vouch for it, as text[]. */
extern ArrayType *custody_grade_witnesses(const CustodyGrades *g, int64 tree_size);
extern const char *custody_grade_name(bool is_signed, bool anchored, bool cosigned);

#endif							/* CUSTODY_GRADE_H */
