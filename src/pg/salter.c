/*
 * salter.c
 *	  The backend's salter: made once, since that costs as much as the salts of
 *	  many rows.
 */
#include "postgres.h"

#include "pg/error.h"
#include "pg/salter.h"

cc_salter *
custody_salter(void)
{
	static cc_salter *salter = NULL;

	if (salter == NULL)
		salter = cc_salter_new();
	if (salter == NULL)
		custody_check_crypto(CC_E_CRYPTO, "make a cipher for salts");
	return salter;
}
