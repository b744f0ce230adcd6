/*
 * store.c
 *	  Keys in an OpenSSL store: file:, or what a provider adds (pkcs11:).
 *
 * Which providers there are says OpenSSL's configuration (OPENSSL_CONF).  The
 * PIN of a token comes from the URI (pin-source, pin-value) or from that
 * configuration; nobody is asked for one.
 */
#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include "signer.h"

static char reason[256];

const char *
store_reason(void)
{
	return reason;
}

cc_signer *
store_load(const char *uri)
{
	OSSL_STORE_CTX *store = OSSL_STORE_open(uri, UI_null(), NULL, NULL, NULL);
	EVP_PKEY   *pkey = NULL;
	cc_signer  *key = NULL;

	if (store != NULL)
		(void) OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
	while (store != NULL && pkey == NULL && !OSSL_STORE_eof(store))
	{
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info != NULL)
			pkey = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
		if (info == NULL && OSSL_STORE_error(store))
			break;
	}
	(void) OSSL_STORE_close(store);
	ERR_error_string_n(ERR_peek_last_error(), reason, sizeof(reason));
	ERR_clear_error();
	return cc_signer_adopt(&key, pkey) == CC_OK ? key : NULL;
}
