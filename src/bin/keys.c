/*
 * keys.c
 *	  What the caller trusts: verifier keys, and checkpoints they signed.
 *
 * Nothing that is checked adds to it but a key that a trusted one handed over to.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "core/rowproof.h"
#include "verify.h"

void
trust_key(Trust *t, const char *text, size_t len)
{
	cc_status	status;

	t->keys = allocate(t->keys, t->nkeys + 1, sizeof(*t->keys));
	status = cc_vkey_parse(&t->keys[t->nkeys], text, len);
	if (status != CC_OK)
		cannot("\"%.*s\" is not a verifier key: %s", (int) (len > 400 ? 400 : len), text, cc_status_text(status));
	t->nkeys++;
}

void
trust_keys(Trust *t, const char *file)
{
	LineReader	r;
	char	   *line;
	size_t		len;

	reader_open(&r, file);
	while ((line = reader_line(&r, &len)) != NULL)
	{
		if (len > 0 && line[0] != '#')
			trust_key(t, line, len);
	}
	reader_close(&r);
}

void
trust_follow(Trust *t, const cc_vkey *key)
{
	t->keys = allocate(t->keys, t->nkeys + 1, sizeof(*t->keys));
	t->keys[t->nkeys++] = *key;
}

static void
trust_policy(Trust *t, const char *file)
{
	cc_policy_fault fault;
	size_t		capacity = 0;
	size_t		len;
	int			i;

	if (t->policy != NULL)
		cannot("give one policy only");
	len = read_whole(file, &t->policy_text, &capacity);
	t->policy = allocate(NULL, 1, sizeof(*t->policy));
	if (cc_policy_parse(t->policy, t->policy_text, len, &fault) != CC_OK)
		cannot("\"%s\" is not a policy: line %" PRIu64 ": %s", file, fault.line, fault.what);
	for (i = 0; i < t->policy->nlogs; i++)
		trust_follow(t, &t->policy->logs[i]);
}

void
trust_option(Trust *t, int option, const char *usage)
{
	switch (option)
	{
		case 'k':
			trust_key(t, optarg, strlen(optarg));
			break;
		case 'K':
			trust_keys(t, optarg);
			break;
		case 'P':
			trust_policy(t, optarg);
			break;
		case 'h':
			print_and_exit(usage);
			break;
		case 'V':
			print_and_exit("pg_custody_verify " PG_CUSTODY_VERSION "\n");
			break;
		default:
			fputs("Try --help.\n", stderr);
			exit(EXIT_CANNOT);
	}
}

void
trust_needed(const Trust *t)
{
	if (t->nkeys == 0)
		cannot("give at least one trusted key with --key or --keys, or a policy with a log");
}

void
trust_free(Trust *t)
{
	free(t->keys);
	free(t->policy);
	free(t->policy_text);
}

cc_status
note_quorum(const Trust *t, const cc_checkpoint *c)
{
	return t->policy == NULL ? CC_OK : cc_policy_quorum(t->policy, c);
}

cc_status
note_check(const Trust *t, const cc_checkpoint *c)
{
	cc_status	status = cc_checkpoint_signed(c, t->keys, t->nkeys);

	return status == CC_OK ? note_quorum(t, c) : status;
}

const char *
note_problem(cc_status status)
{
	return cc_proof_step_text(status == CC_E_QUORUM ? CC_STEP_WITNESSES : CC_STEP_SIGNATURE);
}

size_t
read_checkpoint(cc_checkpoint *c, char **text, const char *name)
{
	size_t		capacity = 0;
	size_t		len;
	cc_status	status;

	*text = NULL;
	len = read_whole(name, text, &capacity);
	len = cc_note_restore(*text, len);	/* read_whole leaves room */
	status = cc_checkpoint_parse(c, *text, len);
	if (status != CC_OK)
		cannot("\"%s\" is not a checkpoint: %s", name, cc_status_text(status));
	return len;
}

void
require_signed(const Trust *t, const cc_checkpoint *c, const char *name)
{
	cc_status	status = cc_checkpoint_signed(c, t->keys, t->nkeys);

	if (status != CC_OK)
		cannot("the checkpoint in \"%s\" is not signed by a trusted key: %s", name, cc_status_text(status));
}

void
load_checkpoint(const Trust *t, cc_checkpoint *c, const char *name)
{
	char	   *text;

	(void) read_checkpoint(c, &text, name);
	require_signed(t, c, name);
	c->nsignatures = 0;
	c->text.data = NULL;
	c->text.len = 0;
	free(text);
}
