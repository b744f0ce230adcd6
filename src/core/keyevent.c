/*
 * keyevent.c
 *	  The key of an epoch and the proof that its private key is held.
 *
 * The message cannot be taken for anything else that a key signs: its first
 * line has spaces, which no origin has, and is not the one of a cosignature.
 */
#include "core/keyevent.h"

#include <string.h>

static const char title[] = "pg_custody key epoch v1\n";

size_t
cc_possession_message(char out[CC_POSSESSION_MAX + 1], uint32_t epoch, const cc_vkey *key)
{
	size_t		n = sizeof(title) - 1;

	memcpy(out, title, n);
	n += cc_decimal_format(out + n, epoch);
	out[n++] = '\n';
	cc_vkey_format(out + n, key);
	n += strlen(out + n);
	out[n++] = '\n';
	out[n] = '\0';
	return n;
}

cc_status
cc_key_event_key(cc_vkey *key, const cc_key_event *e)
{
	cc_status	status = cc_vkey_parse(key, (const char *) e->verifier_key.data,
									   e->verifier_key.len);

	if (status == CC_OK && key->type != CC_SIG_ED25519 && key->type != CC_SIG_ECDSA_P256)
		return CC_E_KEY;
	return status;
}

cc_status
cc_key_event_check(const cc_key_event *e, const cc_vkey *key)
{
	char		message[CC_POSSESSION_MAX + 1];
	size_t		n = cc_possession_message(message, e->epoch, key);

	return cc_signature_check(key, message, n, e->possession.data, e->possession.len);
}
