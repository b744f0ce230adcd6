/*
 * main.c
 *	  pg_custody_signer: keeps the private keys of ledgers away from the
 *	  database server, and signs only logs that grow (doc/signer.md).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer.h"

#define ALLOW_MAX 16
#define LOOK_MS 1000

static const char usage_text[] =
"Usage: pg_custody_signer --directory DIR --socket PATH --allow USER [OPTION]...\n"
"\n"
"  --directory DIR      folder of keys and memories, of this user alone (0700)\n"
"  --socket PATH        Unix socket to listen on\n"
"  --allow USER         user who may ask; repeat for more\n"
"  --key-uri URI        keys are in an OpenSSL store: file:, pkcs11: and others\n"
"  --make-key COMMAND   makes the key of an epoch in the store\n"
"  --destroy-key COMMAND\n"
"                       destroys it\n"
"\n"
"In these three %l is the ledger's id, %e the epoch, %% a percent sign.\n"
"Runs in the foreground until SIGTERM; logs to standard error.\n";

static volatile sig_atomic_t stopping = 0;

static void __attribute__((format(printf, 1, 0)))
print_line(const char *format, va_list args)
{
	(void) fprintf(stderr, "pg_custody_signer: ");
	(void) vfprintf(stderr, format, args);
	(void) fputc('\n', stderr);
}

void
say(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	print_line(format, args);
	va_end(args);
}

static void __attribute__((noreturn, format(printf, 1, 2)))
stop(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	print_line(format, args);
	va_end(args);
	exit(1);
}

static void
on_signal(int signal_number)
{
	(void) signal_number;
	stopping = 1;
}

static void
check_pattern(const char *option, const char *pattern)
{
	for (; pattern != NULL && *pattern != '\0'; pattern++)
	{
		if (*pattern == '%' && strchr("le%", *++pattern) == NULL)
			stop("--%s: %%l, %%e and %%%% are all that may follow a percent sign", option);
		if (*pattern == '\0')
			stop("--%s ends with a percent sign", option);
	}
}

static void
parse_options(int argc, char **argv, Settings *s)
{
	static const struct option options[] = {
		{"directory", required_argument, NULL, 'd'},
		{"socket", required_argument, NULL, 's'},
		{"allow", required_argument, NULL, 'a'},
		{"key-uri", required_argument, NULL, 'u'},
		{"make-key", required_argument, NULL, 'm'},
		{"destroy-key", required_argument, NULL, 'x'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0}
	};
	static const char *allow[ALLOW_MAX + 1];
	int			nallow = 0;
	int			c;

	memset(s, 0, sizeof(*s));
	s->allow = allow;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
	{
		switch (c)
		{
			case 'd':
				s->directory = optarg;
				break;
			case 's':
				s->socket = optarg;
				break;
			case 'a':
				if (nallow == ALLOW_MAX)
					stop("at most %d users may ask", ALLOW_MAX);
				allow[nallow++] = optarg;
				break;
			case 'u':
				s->key_uri = optarg;
				break;
			case 'm':
				s->make_key = optarg;
				break;
			case 'x':
				s->destroy_key = optarg;
				break;
			case 'h':
				(void) fputs(usage_text, stdout);
				exit(0);
			case 'v':
				(void) puts("pg_custody_signer " PG_CUSTODY_VERSION);
				exit(0);
			default:
				exit(1);
		}
	}
	if (optind < argc)
		stop("\"%s\" is no option; try --help", argv[optind]);
	if (s->directory == NULL || s->socket == NULL || nallow == 0)
		stop("--directory, --socket and --allow are needed; try --help");
	if (s->key_uri == NULL && (s->make_key != NULL || s->destroy_key != NULL))
		stop("--make-key and --destroy-key need --key-uri");
	check_pattern("key-uri", s->key_uri);
	check_pattern("make-key", s->make_key);
	check_pattern("destroy-key", s->destroy_key);
}

/* One signer for a directory: two could sign two histories. */
static void
take_directory(const Settings *s)
{
	char		path[PATH_SIZE];
	int			fd;

	if (s->directory[0] != '/' || strlen(s->directory) >= FOLDER_SIZE - CC_LEDGER_ID_LEN - 1)
		stop("--directory must be an absolute path, not too long");
	if (!folder_private(s->directory))
		stop("directory \"%s\" must exist, belong to this user and have permissions u=rwx (0700): %s",
			 s->directory, strerror(errno));
	(void) snprintf(path, sizeof(path), "%s/lock", s->directory);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
		stop("could not open \"%s\": %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		stop("another signer uses directory \"%s\"", s->directory);
}

static void
handle_signals(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	(void) sigaction(SIGTERM, &action, NULL);
	(void) sigaction(SIGINT, &action, NULL);
}

int
main(int argc, char **argv)
{
	Settings	settings;
	int			listener;

	parse_options(argc, argv, &settings);
	(void) umask(S_IRWXG | S_IRWXO);
	take_directory(&settings);
	handle_signals();
	listener = socket_listen(settings.socket);
	if (listener < 0)
		stop("could not listen on \"%s\": %s", settings.socket, strerror(errno));
	say("listening on \"%s\"", settings.socket);
	while (!stopping)
	{
		struct pollfd p = {listener, POLLIN, 0};

		/* A signal that comes just before is seen when the time is over. */
		if (poll(&p, 1, LOOK_MS) > 0)
			socket_serve(listener, &settings);
	}
	(void) unlink(settings.socket);
	say("stopped");
	return 0;
}
