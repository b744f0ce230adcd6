/*
 * keys.c
 *	  Keys of a ledger, in files of its folder or in an OpenSSL store.
 *
 * A key in a store is made and destroyed by commands of the administrator's,
 * since each kind of store has its own; %l in them and in the URI stands for
 * the ledger's id, %e for the epoch, %% for a percent sign.  Whether a command
 * did its work is seen by loading the key.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer.h"

#define COMMAND_SIZE 4096

static void
key_path(const Ledger *l, uint32_t epoch, char path[PATH_SIZE])
{
	(void) snprintf(path, PATH_SIZE, "%s/epoch-%06u.pem", l->folder, (unsigned) epoch);
}

/* Replace the percent words; main.c has checked that there are no others. */
static bool
expand(char out[COMMAND_SIZE], const char *pattern, const Ledger *l, uint32_t epoch, Answer *a)
{
	size_t		n = 0;

	for (; *pattern != '\0' && n < COMMAND_SIZE - CC_LEDGER_ID_LEN - 1; pattern++)
	{
		if (*pattern != '%')
			out[n++] = *pattern;
		else if (*++pattern == 'l')
			n += (size_t) sprintf(out + n, "%s", l->id);
		else if (*pattern == 'e')
			n += (size_t) sprintf(out + n, "%u", (unsigned) epoch);
		else
			out[n++] = '%';
	}
	out[n] = '\0';
	return *pattern == '\0' ||
		answer_fail(a, CC_REPLY_FAILED, "The URI or a command for keys is too long.");
}

static bool
run(const char *pattern, const Ledger *l, uint32_t epoch, Answer *a)
{
	char		command[COMMAND_SIZE];
	int			status;

	if (!expand(command, pattern, l, epoch, a))
		return false;
	status = system(command);
	if (status != 0)
		return answer_fail(a, CC_REPLY_FAILED, "The command for the key of epoch %u ended with status %d.",
						   (unsigned) epoch, status);
	return true;
}

static bool
load_file(const Ledger *l, uint32_t epoch, cc_signer **key, Answer *a)
{
	char		path[PATH_SIZE];
	char		pem[CC_PEM_MAX];
	size_t		len;
	cc_status	status;

	key_path(l, epoch, path);
	if (!file_read(path, pem, sizeof(pem), &len))
	{
		if (errno == ENOENT)
			return true;
		return answer_fail(a, CC_REPLY_FAILED, "Key file \"%s\" cannot be used: %s.", path, strerror(errno));
	}
	status = cc_signer_load(key, pem, len);
	cc_wipe(pem, sizeof(pem));
	if (status != CC_OK)
		return answer_fail(a, CC_REPLY_FAILED, "Key file \"%s\" does not hold a key that signs checkpoints.", path);
	return true;
}

bool
key_load(const Ledger *l, uint32_t epoch, cc_signer **key, Answer *a)
{
	char		uri[COMMAND_SIZE];

	*key = NULL;
	if (l->settings->key_uri == NULL)
		return load_file(l, epoch, key, a);
	if (!expand(uri, l->settings->key_uri, l, epoch, a))
		return false;
	*key = store_load(uri);
	return true;
}

static bool
make_file(const Ledger *l, uint32_t epoch, Answer *a)
{
	char		path[PATH_SIZE];
	char		pem[CC_PEM_MAX];
	cc_signer  *key = NULL;
	cc_status	status = cc_signer_generate(&key, CC_SIG_ED25519);
	bool		written = false;

	key_path(l, epoch, path);
	if (status == CC_OK)
		status = cc_signer_store(key, pem);
	cc_signer_free(key);
	if (status == CC_OK)
		written = file_write(path, pem, strlen(pem));
	cc_wipe(pem, sizeof(pem));
	if (status != CC_OK)
		return answer_fail(a, CC_REPLY_FAILED, "A key could not be made: %s.", cc_status_text(status));
	if (!written)
		return answer_fail(a, CC_REPLY_FAILED, "Key file \"%s\" could not be written: %s.", path, strerror(errno));
	return true;
}

bool
key_make(const Ledger *l, uint32_t epoch, Answer *a)
{
	bool		made;

	if (l->settings->key_uri == NULL)
		made = make_file(l, epoch, a);
	else if (l->settings->make_key == NULL)
		return answer_fail(a, CC_REPLY_UNKNOWN, "The store has no key of epoch %u, and there is no --make-key.", (unsigned) epoch);
	else
		made = run(l->settings->make_key, l, epoch, a);
	if (made)
		say("made the key of epoch %u of ledger %s", (unsigned) epoch, l->id);
	return made;
}

/* Is it the name of a key's file, perhaps half written, of an epoch before? */
static bool
is_older(const char *name, uint32_t before)
{
	unsigned int epoch;
	int			end = 0;

	return sscanf(name, "epoch-%6u.pem%n", &epoch, &end) == 1 && end > 0 &&
		(name[end] == '\0' || strcmp(name + end, ".tmp") == 0) && epoch < before;
}

static bool
destroy_files(const Ledger *l, uint32_t before, Answer *a)
{
	DIR		   *dir = opendir(l->folder);
	struct dirent *entry;
	bool		good = dir != NULL;

	while (good && (entry = readdir(dir)) != NULL)
	{
		char		path[PATH_SIZE];

		if (!is_older(entry->d_name, before))
			continue;
		(void) snprintf(path, sizeof(path), "%s/%s", l->folder, entry->d_name);
		good = file_destroy(path);
		if (good)
			say("destroyed key file \"%s\"", path);
	}
	if (!good)
		(void) answer_fail(a, CC_REPLY_FAILED, "An old key in \"%s\" could not be destroyed: %s.", l->folder, strerror(errno));
	if (dir != NULL)
		(void) closedir(dir);
	return good;
}

/* In a store only the epoch just before is looked for: it goes before the next comes. */
static bool
destroy_stored(const Ledger *l, uint32_t epoch, Answer *a)
{
	cc_signer  *key;

	if (l->settings->destroy_key == NULL || epoch == 0)
		return true;
	if (!key_load(l, epoch, &key, a))
		return false;
	if (key == NULL)
		return true;
	cc_signer_free(key);
	if (!run(l->settings->destroy_key, l, epoch, a) || !key_load(l, epoch, &key, a))
		return false;
	if (key != NULL)
	{
		cc_signer_free(key);
		return answer_fail(a, CC_REPLY_FAILED, "The key of epoch %u is still in the store after --destroy-key.", (unsigned) epoch);
	}
	say("destroyed the key of epoch %u of ledger %s", (unsigned) epoch, l->id);
	return true;
}

bool
key_destroy_before(const Ledger *l, uint32_t epoch, Answer *a)
{
	return l->settings->key_uri == NULL ? destroy_files(l, epoch, a) : destroy_stored(l, epoch - 1, a);
}
