/*
 * keys.c
 *	  The signing key and the signer's memory, on disk, outside the database.
 *
 * Invariants: a key file, once its verifier key stands in log_key, is never
 * made anew; the memory is durable before the signature it remembers leaves
 * this module; the memory only moves from a head to one that follows it.
 *
 * Who may call: a process that holds the ledger's sealing lock (seal.c), so
 * nobody else writes the folder meanwhile; for the witness's key and memories
 * (cosign.c), its lock.  The private key is read for each
 * signature and held no longer; nothing that can raise runs while OpenSSL
 * holds it or its PEM text is in memory.  Neither a key byte nor PEM text is
 * ever part of a message.
 *
 * Memory: results in the current context.  Transaction state: any.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "pg/error.h"
#include "pg/guc.h"
#include "pg/keys.h"

#define MEMORY_FILE "signed"

/* Somebody who signs is done in milliseconds. */
#define LOCK_RETRY_US 5000

bool
custody_keys_head_equal(const CustodyHead *a, const CustodyHead *b)
{
	return a->size == b->size && cc_equal(a->root, b->root, CC_DIGEST_SIZE);
}

/* Folders */

static void
directory_error(const char *path, const char *why, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_KEY_DIRECTORY),
			 errmsg("key directory \"%s\" is not safe", path),
			 errdetail("%s", why),
			 errhint("%s", hint)));
}

static void
check_folder(const char *path, const struct stat *st)
{
	if (!S_ISDIR(st->st_mode))
		directory_error(path, "It is not a directory.",
						"Remove the file, or set custody.key_directory to another path.");
	if (st->st_uid != geteuid())
		directory_error(path, "It belongs to another user than the server runs as.",
						"Change its owner, or set custody.key_directory to another path.");
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		directory_error(path, "Its group or others may enter it.",
						"Set its permissions to u=rwx (0700).");
}

/* Make sure that what was made in a folder survives a crash. */
static void
sync_parent(const char *path)
{
	char	   *parent = pstrdup(path);

	get_parent_directory(parent);
	fsync_fname(parent[0] == '\0' ? "/" : parent, true);
	pfree(parent);
}

void
custody_keys_make_folder(const char *path)
{
	struct stat st;

	if (mkdir(path, S_IRWXU) == 0)
		sync_parent(path);
	else if (errno != EEXIST)
	{
		int			save_errno = errno;

		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_KEY_DIRECTORY),
				 errmsg("could not create key directory \"%s\": %s",
						path, strerror(save_errno)),
				 errdetail("Private keys are kept outside the data directory, in a folder of the server's own."),
				 errhint("Create it with permissions u=rwx (0700), owned by the user the server runs as, or set custody.key_directory to another path.")));
	}
	if (stat(path, &st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat directory \"%s\": %m", path)));
	check_folder(path, &st);
}

static char *
key_directory(void)
{
	char	   *path;

	if (custody_key_directory == NULL || custody_key_directory[0] == '\0')
		path = psprintf("%s.custody", DataDir);
	else
		path = pstrdup(custody_key_directory);
	canonicalize_path(path);
	if (!is_absolute_path(path))
		directory_error(path, "It is not an absolute path.",
						"Set custody.key_directory to an absolute path outside the data directory.");
	return path;
}

/* The path without symbolic links, palloc'd. */
static char *
resolve(const char *path)
{
	char	   *resolved = realpath(path, NULL);
	char	   *copy;

	if (resolved == NULL)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not resolve path \"%s\": %m", path)));
	copy = pstrdup(resolved);
	free(resolved);
	return copy;
}

bool
custody_keys_inside_data(const char *path)
{
	return path_is_prefix_of_path(resolve(DataDir), resolve(path));
}

/* Private keys must not travel with base backups. */
static void
check_outside_data(const char *path)
{
	if (custody_keys_inside_data(path))
		directory_error(path, "It lies inside the data directory, so every base backup would carry the private key.",
						"Set custody.key_directory to a path outside the data directory.");
}

char *
custody_keys_folder(const pg_uuid_t *ledger_id)
{
	char	   *directory = key_directory();
	char	   *id = DatumGetCString(DirectFunctionCall1(uuid_out,
														 UUIDPGetDatum(ledger_id)));
	struct stat st;

	/* Look before making it: not even an empty folder inside the data. */
	if (stat(directory, &st) != 0 &&
		path_is_prefix_of_path(DataDir, directory))
		directory_error(directory, "It lies inside the data directory, so every base backup would carry the private key.",
						"Set custody.key_directory to a path outside the data directory.");
	custody_keys_make_folder(directory);
	check_outside_data(directory);
	return psprintf("%s/%s", directory, id);
}

/* Files */

static void
key_error(const char *path, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_KEY_UNUSABLE),
			 errmsg("key file \"%s\" cannot be used", path),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

static void
file_error(const char *path, const char *what)
{
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not %s file \"%s\": %m", what, path),
			 errdetail("The file belongs to the ledger's key directory."),
			 errhint("Check permissions and free space there; the next seal goes on where this one ended.")));
}

void
custody_keys_write_file(const char *path, const char *data, size_t len)
{
	char	   *temporary = psprintf("%s.tmp", path);
	bool		written;
	int			save_errno;
	int			fd;

	if (unlink(temporary) != 0 && errno != ENOENT)
		file_error(temporary, "remove");
	fd = OpenTransientFilePerm(temporary, O_WRONLY | O_CREAT | O_EXCL | PG_BINARY,
							   S_IRUSR | S_IWUSR);
	if (fd < 0)
		file_error(temporary, "create");
	errno = 0;
	written = write(fd, data, len) == (ssize_t) len && pg_fsync(fd) == 0;
	save_errno = errno != 0 ? errno : ENOSPC;
	if (CloseTransientFile(fd) != 0 && written)
	{
		save_errno = errno;
		written = false;
	}
	if (!written)
	{
		unlink(temporary);
		errno = save_errno;
		file_error(temporary, "write");
	}
	durable_rename(temporary, path, ERROR);
	pfree(temporary);
}

/* Why the open key file may not be trusted, or NULL. */
static const char *
file_fault(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return "Its state cannot be read.";
	if (!S_ISREG(st.st_mode))
		return "It is not a regular file.";
	if (st.st_uid != geteuid())
		return "It belongs to another user than the server runs as.";
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "Its group or others have access to it.";
	return NULL;
}

bool
custody_keys_read_file(const char *path, char *data, size_t cap, size_t *len)
{
	int			fd = OpenTransientFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | PG_BINARY);
	const char *fault;
	ssize_t		n = 0;
	char		more;

	*len = 0;
	if (fd < 0 && errno == ENOENT)
		return false;
	if (fd < 0)
		key_error(path, psprintf("It cannot be opened: %s.", strerror(errno)),
				  "It must be a regular file that the user the server runs as may read.");
	fault = file_fault(fd);
	if (fault == NULL)
	{
		while (*len < cap && (n = read(fd, data + *len, cap - *len)) > 0)
			*len += n;
		if (n > 0 && read(fd, &more, 1) > 0)
			*len = cap + 1;
		if (n < 0)
			fault = "It cannot be read.";
	}
	CloseTransientFile(fd);
	if (fault != NULL)
	{
		cc_wipe(data, cap);
		key_error(path, fault,
				  "Let it belong to the user the server runs as, with permissions u=rw (0600).");
	}
	return true;
}

/* Keys */

char *
custody_keys_path(const char *folder, uint32 epoch)
{
	return psprintf("%s/epoch-%06u.pem", folder, epoch);
}

static char *
witness_path(const char *folder)
{
	return psprintf("%s/witness.pem", folder);
}

static bool
file_exists(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return true;
	if (errno != ENOENT)
		file_error(path, "stat");
	return false;
}

bool
custody_keys_exists(const char *folder, uint32 epoch)
{
	return file_exists(custody_keys_path(folder, epoch));
}

bool
custody_keys_witness_exists(const char *folder)
{
	return file_exists(witness_path(folder));
}

/* Load a key; the caller frees it before anything can raise. */
static bool
load_key(const char *path, cc_signer **key)
{
	char		pem[CC_PEM_MAX];
	size_t		len;
	cc_status	status = CC_E_KEY;

	*key = NULL;
	if (!custody_keys_read_file(path, pem, sizeof(pem), &len))
		return false;
	if (len <= sizeof(pem))
		status = cc_signer_load(key, pem, len);
	cc_wipe(pem, sizeof(pem));
	if (status != CC_OK)
		key_error(path, "It does not hold an unencrypted PKCS#8 key of a type that signs checkpoints.",
				  "Put back the key file as the server made it.");
	return true;
}

/* Write a new key; the file is whole or absent whatever happens. */
static void
make_key(const char *path)
{
	char		pem[CC_PEM_MAX];
	cc_signer  *key = NULL;
	cc_status	status = cc_signer_generate(&key, CC_SIG_ED25519);

	if (status == CC_OK)
		status = cc_signer_store(key, pem);
	cc_signer_free(key);
	PG_TRY();
	{
		custody_check_crypto(status, "make a signing key");
		custody_keys_write_file(path, pem, strlen(pem));
	}
	PG_FINALLY();
	{
		cc_wipe(pem, sizeof(pem));
	}
	PG_END_TRY();
}

static char *
format_vkey(const cc_vkey *vkey)
{
	char	   *text = palloc(CC_VERIFIER_KEY_MAX + 1);

	cc_vkey_format(text, vkey);
	return text;
}

/* Load the key of a file, made if there is none; as load_key(). */
static cc_signer *
create_key(const char *folder, const char *path)
{
	cc_signer  *key;

	custody_keys_make_folder(folder);
	if (!file_exists(path))
		make_key(path);
	if (!load_key(path, &key))
		key_error(path, "It vanished while it was being made.",
				  "Keep other programs out of the key directory.");
	return key;
}

void
custody_keys_create(const char *folder, uint32 epoch, const char *origin,
					CustodyNewKey *key)
{
	cc_signer  *signer = create_key(folder, custody_keys_path(folder, epoch));
	cc_vkey		vkey;
	cc_status	status = cc_signer_vkey(signer, origin, &vkey);

	if (status == CC_OK)
		status = cc_signer_possess(signer, epoch, origin, key->possession,
								   &key->possession_len);
	cc_signer_free(signer);
	custody_check_crypto(status, "derive the verifier key");
	key->verifier_key = format_vkey(&vkey);
}

char *
custody_keys_create_witness(const char *folder, const char *name)
{
	cc_signer  *key = create_key(folder, witness_path(folder));
	cc_vkey		vkey;
	cc_status	status = cc_signer_witness_vkey(key, name, &vkey);

	cc_signer_free(key);
	custody_check_crypto(status, "derive the witness's verifier key");
	return format_vkey(&vkey);
}

/* Load a key that must be there; as load_key(). */
static cc_signer *
require_key(const char *path)
{
	cc_signer  *key;

	if (!load_key(path, &key))
		key_error(path, "It does not exist.",
				  "Put the file back, or, if the key is lost, go on under a new one with custody.new_incarnation().");
	return key;
}

/* Raise unless the key of a file is the one that the ledger names. */
static void
check_same_key(const char *path, const cc_vkey *vkey, const char *whose, const char *expected)
{
	char	   *found = format_vkey(vkey);

	if (strcmp(found, expected) != 0)
		key_error(path, psprintf("Its verifier key is \"%s\", but that of %s is \"%s\".",
								 found, whose, expected),
				  "Put back the file that was there, or, if it is lost, go on under a new key with custody.new_incarnation().");
	pfree(found);
}

void
custody_keys_cosign(const char *folder, const char *verifier_key,
					const void *text, size_t len, uint64 time,
					char line[CC_NOTE_LINE_MAX + 1])
{
	char	   *path = witness_path(folder);
	char	   *name = pnstrdup(verifier_key, strcspn(verifier_key, "+"));
	uint8		signature[CC_MADE_SIGNATURE_MAX];
	size_t		signature_len = 0;
	cc_signer  *key = require_key(path);
	cc_vkey		vkey;
	cc_status	status = cc_signer_witness_vkey(key, name, &vkey);

	if (status == CC_OK)
		status = cc_signer_cosign(key, text, len, time, signature, &signature_len);
	cc_signer_free(key);
	custody_check_crypto(status, "cosign the checkpoint");
	check_same_key(path, &vkey, "the witness", verifier_key);
	(void) cc_note_line(line, vkey.name, vkey.id, signature, signature_len);
}

/* Sign a checkpoint's text with the key of an epoch, which must be the one. */
static void
sign_text(const CustodySigner *signer, uint32 epoch, const char *verifier_key,
		  const char *text, size_t len, char line[CC_NOTE_LINE_MAX + 1])
{
	char	   *path = custody_keys_path(signer->folder, epoch);
	char	   *whose = psprintf("epoch %u", epoch);
	uint8		signature[CC_MADE_SIGNATURE_MAX];
	size_t		signature_len = 0;
	cc_signer  *key = require_key(path);
	cc_vkey		vkey;
	cc_status	status = cc_signer_vkey(key, signer->origin, &vkey);

	if (status == CC_OK)
		status = cc_signer_sign(key, text, len, signature, &signature_len);
	cc_signer_free(key);
	custody_check_crypto(status, "sign the checkpoint");
	check_same_key(path, &vkey, whose, verifier_key);
	(void) cc_note_line(line, signer->origin, vkey.id, signature, signature_len);
}

/* The signer's memory */

void
custody_keys_memory(const char *folder, CustodyMemory *memory)
{
	char	   *path = psprintf("%s/%s", folder, MEMORY_FILE);
	char	   *text = palloc(CC_MEMORY_MAX);
	cc_memory  *m = palloc(sizeof(cc_memory));
	size_t		len;

	memset(memory, 0, sizeof(*memory));
	memory->exists = custody_keys_read_file(path, text, CC_MEMORY_MAX, &len);
	memory->damaged = memory->exists && (cc_memory_parse(m, text, len) != CC_OK ||
										 m->checkpoint.size == 0);
	if (memory->exists && !memory->damaged)
	{
		strlcpy(memory->origin, m->checkpoint.origin, sizeof(memory->origin));
		memory->head.size = m->checkpoint.size;
		memcpy(memory->head.root, m->checkpoint.root, CC_DIGEST_SIZE);
		memory->cluster = m->cluster;
	}
	pfree(m);
	pfree(text);
	pfree(path);
}

static void
remember(const CustodySigner *signer, const CustodyCluster *cluster,
		 const char *note)
{
	char	   *path = psprintf("%s/%s", signer->folder, MEMORY_FILE);
	char	   *text = palloc(CC_MEMORY_MAX + 1);
	cc_memory  *m = palloc0(sizeof(cc_memory));

	m->cluster = *cluster;
	m->epoch = signer->epoch + (signer->successor != NULL ? 1 : 0);
	m->note.data = (const uint8_t *) note;
	m->note.len = strlen(note);
	custody_keys_write_file(path, text, cc_memory_format(text, m));
	pfree(m);
	pfree(text);
	pfree(path);
}

/* Raise unless the memory allows to sign head after previous. */
static void
check_memory(const CustodySigner *signer, const CustodyHead *previous,
			 const CustodyHead *head)
{
	CustodyMemory memory;

	custody_keys_memory(signer->folder, &memory);
	if (!memory.exists && previous == NULL)
		return;
	if (memory.exists && !memory.damaged &&
		strcmp(memory.origin, signer->origin) == 0 &&
		(custody_keys_head_equal(&memory.head, head) ||
		 (previous != NULL && head->size > previous->size &&
		  custody_keys_head_equal(&memory.head, previous))))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_SIGNER_REFUSES),
			 errmsg("signer refuses to sign a log of size " UINT64_FORMAT,
					head->size),
			 !memory.exists ?
			 errdetail("Its memory of what it signed is missing in \"%s\".", signer->folder) :
			 memory.damaged ?
			 errdetail("Its memory of what it signed cannot be read in \"%s\".", signer->folder) :
			 errdetail("The last head it signed, of size " UINT64_FORMAT ", is not the one before it.",
					   memory.head.size),
			 errhint("If the database was restored from a backup, go on with custody.new_incarnation().")));
}

/*
 * Keep a copy of the cluster that was given the same folder from signing at the
 * same time: it holds a sealing lock of its own.  Gives what ends that.
 */
static int
lock_folder(const char *folder)
{
	int			fd = OpenTransientFile(folder, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		file_error(folder, "open");
	while (flock(fd, LOCK_EX | LOCK_NB) != 0)
	{
		if (errno != EWOULDBLOCK && errno != EINTR)
			file_error(folder, "lock");
		CHECK_FOR_INTERRUPTS();
		pg_usleep(LOCK_RETRY_US);
	}
	return fd;
}

char *
custody_keys_sign(const CustodySigner *signer, const CustodyCluster *cluster,
				  const CustodyHead *previous, const CustodyHead *head)
{
	int			lock = lock_folder(signer->folder);
	char		text[CC_CHECKPOINT_TEXT_MAX + 1];
	char		line[CC_NOTE_LINE_MAX + 1];
	char		second[CC_NOTE_LINE_MAX + 1] = "";
	char	   *note;
	size_t		len;

	check_memory(signer, previous, head);
	len = cc_checkpoint_text(text, signer->origin, head->size, head->root);
	sign_text(signer, signer->epoch, signer->verifier_key, text, len, line);
	if (signer->successor != NULL)
		sign_text(signer, signer->epoch + 1, signer->successor, text, len, second);
	note = psprintf("%s\n%s%s", text, line, second);
	remember(signer, cluster, note);
	CloseTransientFile(lock);
	return note;
}
