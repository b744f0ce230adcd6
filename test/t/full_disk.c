/*
 * full_disk.c
 *	  Preloaded into a server: while the file named by FULL_DISK exists, no file
 *	  below a "base" folder can grow, as on a full disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int
is_full(int fd, off_t end)
{
	const char *flag = getenv("FULL_DISK");
	char		link[64];
	char		path[4096];
	ssize_t		n;
	struct stat st;

	if (flag == NULL || access(flag, F_OK) != 0 || fstat(fd, &st) != 0 ||
		end <= st.st_size)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return 0;
	path[n] = '\0';
	return strstr(path, "/base/") != NULL;
}

ssize_t
pwrite64(int fd, const void *buf, size_t len, off_t offset)
{
	static ssize_t (*real) (int, const void *, size_t, off_t);

	if (real == NULL)
		real = (ssize_t (*) (int, const void *, size_t, off_t)) dlsym(RTLD_NEXT, "pwrite64");
	if (is_full(fd, offset + (off_t) len))
	{
		errno = ENOSPC;
		return -1;
	}
	return real(fd, buf, len, offset);
}

ssize_t
pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	return pwrite64(fd, buf, len, offset);
}

ssize_t
pwritev64(int fd, const struct iovec *iov, int n, off_t offset)
{
	static ssize_t (*real) (int, const struct iovec *, int, off_t);

	if (real == NULL)
		real = (ssize_t (*) (int, const struct iovec *, int, off_t)) dlsym(RTLD_NEXT, "pwritev64");
	if (is_full(fd, offset + 1))
	{
		errno = ENOSPC;
		return -1;
	}
	return real(fd, iov, n, offset);
}

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
	return pwritev64(fd, iov, n, offset);
}

int
posix_fallocate64(int fd, off_t offset, off_t len)
{
	static int	(*real) (int, off_t, off_t);

	if (real == NULL)
		real = (int (*) (int, off_t, off_t)) dlsym(RTLD_NEXT, "posix_fallocate64");
	return is_full(fd, offset + len) ? ENOSPC : real(fd, offset, len);
}

int
posix_fallocate(int fd, off_t offset, off_t len)
{
	return posix_fallocate64(fd, offset, len);
}
