/*
 * error.c
 *	  Core status to ereport.
 */
#include "postgres.h"

#include "pg/error.h"

void
custody_check_ledger(cc_status status, const char *what)
{
	if (likely(status == CC_OK))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_LEDGER_CORRUPTED),
			 errmsg("stored ledger bytes cannot be read: %s", what),
			 errdetail("The stored form is not canonical: %s.",
					   cc_status_text(status)),
			 errhint("Run \"SELECT * FROM custody.verify()\" to see what was altered.")));
}

void
custody_check_crypto(cc_status status, const char *what)
{
	if (likely(status == CC_OK))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("could not %s", what),
			 errdetail("OpenSSL reported a failure: %s.",
					   cc_status_text(status)),
			 errhint("Check the OpenSSL installation and its configuration.")));
}
