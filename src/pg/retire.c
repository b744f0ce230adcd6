/*
 * retire.c
 *	  Destroying the private keys of epochs that have ended.
 *
 * Overwritten in place, flushed, then removed, and the folder flushed: on a
 * file system that writes in place nothing of the key is left.  Each step may
 * be the last before a crash; the next attempt begins anew.  What copies the
 * medium below or the machine's administrator made is beyond reach.
 *
 * Who may call: a process that holds the ledger's sealing lock, once the
 * checkpoint that hands over is committed and durable.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/fd.h"

#include "pg/error.h"
#include "pg/keys.h"

static void
retire_error(const char *path, const char *what)
{
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not %s key file \"%s\": %m", what, path),
			 errdetail("The key of an epoch that has ended must be destroyed before the log goes on."),
			 errhint("Check permissions there; the next seal goes on where this one ended.")));
}

/* Fill a regular file with zeros, down to the disk. */
static void
overwrite(const char *path)
{
	char		zeros[CC_PEM_MAX] = {0};
	int			fd = OpenTransientFile(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | PG_BINARY);
	struct stat st;
	off_t		done = 0;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		retire_error(path, "open");
	while (done < st.st_size)
	{
		ssize_t		n = write(fd, zeros, Min(sizeof(zeros), (size_t) (st.st_size - done)));

		if (n <= 0)
			retire_error(path, "overwrite");
		done += n;
	}
	if (pg_fsync(fd) != 0 || CloseTransientFile(fd) != 0)
		retire_error(path, "overwrite");
}

/* Is it the name of a key's file, perhaps half written, of an epoch before? */
static bool
is_older(const char *name, uint32 before)
{
	unsigned int epoch;
	int			end = 0;

	return sscanf(name, "epoch-%6u.pem%n", &epoch, &end) == 1 && end > 0 &&
		(name[end] == '\0' || strcmp(name + end, ".tmp") == 0) && epoch < before;
}

void
custody_keys_destroy(const char *folder, uint32 before)
{
	DIR		   *dir = AllocateDir(folder);
	struct dirent *entry;
	bool		any = false;

	while ((entry = ReadDir(dir, folder)) != NULL)
	{
		char	   *path;

		if (!is_older(entry->d_name, before))
			continue;
		path = psprintf("%s/%s", folder, entry->d_name);
		overwrite(path);
		if (unlink(path) != 0)
			retire_error(path, "remove");
		pfree(path);
		any = true;
	}
	FreeDir(dir);
	if (any)
		fsync_fname(folder, true);
}
