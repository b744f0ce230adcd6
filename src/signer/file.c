/*
 * file.c
 *	  Durable private files, and folders of our own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer.h"

/* Flush the folder that a path lies in. */
static bool
sync_folder_of(const char *path)
{
	char		folder[PATH_SIZE];
	char	   *slash;
	int			fd;
	bool		good;

	(void) snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash == NULL)
	{
		errno = EINVAL;
		return false;
	}
	slash[slash == folder] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	good = fsync(fd) == 0;
	(void) close(fd);
	return good;
}

static bool
write_all(int fd, const char *data, size_t len)
{
	while (len > 0)
	{
		ssize_t		n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
		{
			data += n;
			len -= (size_t) n;
		}
	}
	return fsync(fd) == 0;
}

/* Only a regular file of ours that nobody else may touch. */
static bool
is_private(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	errno = EPERM;
	return S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		(st.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

bool
file_read(const char *path, char *data, size_t cap, size_t *len)
{
	int			fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t		n = 1;
	int			save_errno;

	*len = 0;
	if (fd < 0)
		return false;
	if (!is_private(fd))
		n = -1;
	while (n > 0 && *len < cap)
	{
		n = read(fd, data + *len, cap - *len);
		if (n > 0)
			*len += (size_t) n;
	}
	save_errno = errno;
	(void) close(fd);
	errno = n > 0 ? EFBIG : save_errno;
	return n == 0;
}

bool
file_write(const char *path, const char *data, size_t len)
{
	char		temporary[PATH_SIZE];
	bool		good;
	int			save_errno;
	int			fd;

	(void) snprintf(temporary, sizeof(temporary), "%s.tmp", path);
	if (unlink(temporary) != 0 && errno != ENOENT)
		return false;
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return false;
	good = write_all(fd, data, len);
	save_errno = errno;
	if (close(fd) != 0 && good)
	{
		good = false;
		save_errno = errno;
	}
	if (!good)
	{
		(void) unlink(temporary);
		errno = save_errno;
		return false;
	}
	return rename(temporary, path) == 0 && sync_folder_of(path);
}

/* Overwritten in place, flushed, removed. */
bool
file_destroy(const char *path)
{
	static const char zeros[CC_PEM_MAX];
	int			fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	off_t		done = 0;
	bool		good;

	if (fd < 0)
		return false;
	good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	while (good && done < st.st_size)
	{
		size_t		left = (size_t) (st.st_size - done);
		size_t		n = left < sizeof(zeros) ? left : sizeof(zeros);

		good = write_all(fd, zeros, n);
		done += (off_t) n;
	}
	good = close(fd) == 0 && good;
	return good && unlink(path) == 0 && sync_folder_of(path);
}

bool
folder_make(const char *path)
{
	if (mkdir(path, S_IRWXU) != 0)
		return errno == EEXIST && folder_private(path);
	return sync_folder_of(path);
}

bool
folder_private(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	errno = EPERM;
	return S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
		(st.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}
