/*
 * socket.c
 *	  The Unix socket: who calls, one request, one answer, with a deadline.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "signer.h"

#define CALL_MS 5000
/* For a stranger: only so that the answer is not lost. */
#define STRANGER_MS 200
#define BACKLOG 64

static bool
address_of(const char *path, struct sockaddr_un *address)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	errno = ENAMETOOLONG;
	if (strlen(path) >= sizeof(address->sun_path))
		return false;
	memcpy(address->sun_path, path, strlen(path));
	return true;
}

/* Remove what a program that was killed left. */
static bool
remove_stale(const char *path, const struct sockaddr_un *address)
{
	struct stat st;
	int			fd;
	bool		stale;

	if (lstat(path, &st) != 0)
		return errno == ENOENT;
	errno = EEXIST;
	if (!S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *) address, sizeof(*address)) != 0 && errno == ECONNREFUSED;
	(void) close(fd);
	errno = EADDRINUSE;
	return stale && unlink(path) == 0;
}

int
socket_listen(const char *path)
{
	struct sockaddr_un address;
	int			fd;

	if (!address_of(path, &address) || !remove_stale(path, &address))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* Everybody may call; who is answered is decided by user. */
	if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) != 0 ||
		chmod(path, S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH) != 0 ||
		listen(fd, BACKLOG) != 0)
	{
		(void) close(fd);
		return -1;
	}
	return fd;
}

static long
now_ms(void)
{
	struct timespec t;

	(void) clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Wait for an event until a deadline. */
static bool
wait_for(int fd, short events, long deadline)
{
	for (;;)
	{
		struct pollfd p = {fd, events, 0};
		long		left = deadline - now_ms();
		int			n = poll(&p, 1, left > 0 ? (int) left : 0);

		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

/* Read to the end; false if it does not come in time, or is not there at cap. */
static bool
receive(int fd, char *text, size_t cap, size_t *len, long deadline)
{
	*len = 0;
	while (*len < cap && wait_for(fd, POLLIN, deadline))
	{
		ssize_t		n = recv(fd, text + *len, cap - *len, 0);

		if (n == 0)
			return true;
		if (n < 0)
			return false;
		*len += (size_t) n;
	}
	return false;
}

static void
reply(int fd, const Answer *a, long deadline)
{
	size_t		done = 0;

	while (done < a->len && wait_for(fd, POLLOUT, deadline))
	{
		ssize_t		n = send(fd, a->text + done, a->len - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return;
		if (n > 0)
			done += (size_t) n;
	}
}

/* Is the caller one of the users who may ask? */
static bool
may_ask(int fd, const Settings *settings, uid_t *uid)
{
	struct ucred peer;
	socklen_t	len = sizeof(peer);

	*uid = (uid_t) -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	*uid = peer.uid;
	for (const char *const *name = settings->allow; *name != NULL; name++)
	{
		struct passwd *user = getpwnam(*name);

		if (user != NULL && user->pw_uid == peer.uid)
			return true;
	}
	return false;
}

void
socket_serve(int listener, const Settings *settings)
{
	static char text[CC_REQUEST_MAX + 1];
	static Answer a;
	int			fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	long		deadline = now_ms() + CALL_MS;
	uid_t		uid;
	size_t		len;

	if (fd < 0)
		return;
	if (!may_ask(fd, settings, &uid))
	{
		(void) receive(fd, text, sizeof(text), &len, now_ms() + STRANGER_MS);
		(void) answer_fail(&a, CC_REPLY_DENIED, "User %lu may not ask this signer.", (unsigned long) uid);
	}
	else if (!receive(fd, text, sizeof(text), &len, deadline))
		(void) answer_fail(&a, CC_REPLY_MALFORMED, "The request did not end in time, or is longer than any.");
	else
		serve(settings, text, len, &a);
	reply(fd, &a, now_ms() + CALL_MS);
	(void) close(fd);
}
