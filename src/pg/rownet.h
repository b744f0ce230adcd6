/*
 * rownet.h
 *	  Rows that come and go, netted before they are added to a set hash.
 */
#ifndef CUSTODY_ROWNET_H
#define CUSTODY_ROWNET_H

#include "core/sethash.h"

typedef struct CustodyRowNet CustodyRowNet;

/* Lives in the current memory context, until custody_rownet_end. */
extern CustodyRowNet *custody_rownet_begin(void);
/* A row of a relation came (times > 0) or went; set must outlive the net. */
extern void custody_rownet_add(CustodyRowNet *net, cc_set *set, uint32 relation,
							   const uint8 row_digest[CC_DIGEST_SIZE], int32 times);
/* Bring the sets up to date. */
extern void custody_rownet_flush(CustodyRowNet *net);
extern void custody_rownet_end(CustodyRowNet *net);

#endif							/* CUSTODY_ROWNET_H */
