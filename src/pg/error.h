/*
 * error.h
 *	  SQLSTATEs of class PC, and core status to ereport.
 *
 * Stock SQLSTATEs wherever one fits; these are what an application or a
 * monitoring tool must tell apart.  Numbers are never reused.
 */
#ifndef CUSTODY_ERROR_H
#define CUSTODY_ERROR_H

#include "core/status.h"

/* PC0xx: state of the installation */
#define ERRCODE_CUSTODY_NOT_INSTALLED		MAKE_SQLSTATE('P','C','0','0','1')
#define ERRCODE_CUSTODY_VERSION_MISMATCH	MAKE_SQLSTATE('P','C','0','0','2')
/* PC1xx: protection */
#define ERRCODE_CUSTODY_ALREADY_PROTECTED	MAKE_SQLSTATE('P','C','1','0','1')
#define ERRCODE_CUSTODY_NOT_PROTECTED		MAKE_SQLSTATE('P','C','1','0','2')
#define ERRCODE_CUSTODY_LATE_CHANGE			MAKE_SQLSTATE('P','C','1','0','3')
#define ERRCODE_CUSTODY_APPEND_ONLY			MAKE_SQLSTATE('P','C','1','0','4')
/* PC2xx: sealing and keys */
#define ERRCODE_CUSTODY_KEY_UNUSABLE		MAKE_SQLSTATE('P','C','2','0','1')
#define ERRCODE_CUSTODY_KEY_DIRECTORY		MAKE_SQLSTATE('P','C','2','0','2')
#define ERRCODE_CUSTODY_SIGNER_REFUSES		MAKE_SQLSTATE('P','C','2','0','3')
#define ERRCODE_CUSTODY_SEALER_FAILED		MAKE_SQLSTATE('P','C','2','0','4')
#define ERRCODE_CUSTODY_SIGNER_UNREACHABLE	MAKE_SQLSTATE('P','C','2','0','5')
/* PC3xx: the ledger */
#define ERRCODE_CUSTODY_LEDGER_CORRUPTED	MAKE_SQLSTATE('P','C','3','0','1')
/* PC4xx: what goes to others.  Why a witness refuses: the HTTP status of C2SP
 * tlog-witness, but for a rollback, which is a conflict there */
#define ERRCODE_CUSTODY_FOREIGN_DIRECTORY	MAKE_SQLSTATE('P','C','4','0','1')
#define ERRCODE_CUSTODY_WITNESS_MALFORMED	MAKE_SQLSTATE('P','C','4','0','0')
#define ERRCODE_CUSTODY_WITNESS_UNSIGNED	MAKE_SQLSTATE('P','C','4','0','3')
#define ERRCODE_CUSTODY_WITNESS_UNKNOWN		MAKE_SQLSTATE('P','C','4','0','4')
#define ERRCODE_CUSTODY_WITNESS_CONFLICT	MAKE_SQLSTATE('P','C','4','0','9')
#define ERRCODE_CUSTODY_WITNESS_ROLLBACK	MAKE_SQLSTATE('P','C','4','1','0')
#define ERRCODE_CUSTODY_WITNESS_FORK		MAKE_SQLSTATE('P','C','4','2','2')

/*
 * Raise ERRCODE_CUSTODY_LEDGER_CORRUPTED unless status is CC_OK.  'what' is a
 * lower-case noun phrase naming the bytes that were read ("block header 12").
 */
extern void custody_check_ledger(cc_status status, const char *what);
/* The same for a failure inside OpenSSL (internal error). */
extern void custody_check_crypto(cc_status status, const char *what);

#endif							/* CUSTODY_ERROR_H */
