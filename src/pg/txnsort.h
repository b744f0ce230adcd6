/*
 * txnsort.h
 *	  Transactions sorted by number; spills to disk.
 */
#ifndef CUSTODY_TXNSORT_H
#define CUSTODY_TXNSORT_H

typedef struct CustodyTxnSort CustodyTxnSort;

extern CustodyTxnSort *custody_txnsort_begin(void);
extern void custody_txnsort_put(CustodyTxnSort *sort, int64 txn_no, uint64 xact_id);
extern void custody_txnsort_perform(CustodyTxnSort *sort);
/* False at the end. */
extern bool custody_txnsort_get(CustodyTxnSort *sort, int64 *txn_no, uint64 *xact_id);
extern void custody_txnsort_end(CustodyTxnSort *sort);

#endif							/* CUSTODY_TXNSORT_H */
