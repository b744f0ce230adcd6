/*
 * signer.c
 *	  Ask the signer of its own process, over a Unix socket.
 *
 * One connection per question: connect, send, end of input, read to the end;
 * all within custody.signer_timeout.  Waits on the latch, so that the process
 * stays interruptible and does not outlive the postmaster.
 *
 * Nothing that an answer holds is trusted: the callers check it against the
 * ledger's keys.
 *
 * Memory: results in the current context.  Transaction state: any.
 */
#include "postgres.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "pg/error.h"
#include "pg/guc.h"
#include "pg/signer.h"

/* An exchange with the signer. */
typedef struct Exchange
{
	const char *path;
	int			fd;
	TimestampTz deadline;
} Exchange;

bool
custody_signer_used(void)
{
	return custody_signer != NULL && custody_signer[0] != '\0';
}

/* The setting may hold what was written before the library could check it. */
static const char *
socket_path(void)
{
	const char *path = custody_signer_path();

	if (path == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("invalid value for parameter \"custody.signer\": \"%s\"", custody_signer),
				 errdetail("A signer is named by the absolute path of its socket."),
				 errhint("Use a value like \"unix:/run/custody/signer\".")));
	return path;
}

static void
unreachable(const Exchange *x, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_CUSTODY_SIGNER_UNREACHABLE),
			 errmsg("signer at \"%s\" cannot be reached", x->path),
			 errdetail("%s", why),
			 errhint("Start pg_custody_signer, or correct custody.signer.  What is committed meanwhile is captured, and sealed when the signer is back.")));
}

static void
unreachable_errno(const Exchange *x, const char *what)
{
	unreachable(x, psprintf("Could not %s: %s.", what, strerror(errno)));
}

/* Wait until the socket is ready, or raise when the time is over. */
static void
wait_for(const Exchange *x, int event)
{
	for (;;)
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), x->deadline);
		int			happened;

		if (left <= 0)
			unreachable(x, psprintf("No answer within %d ms.", custody_signer_timeout));
		happened = WaitLatchOrSocket(MyLatch, event | WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
									 x->fd, left, PG_WAIT_EXTENSION);
		if ((happened & WL_LATCH_SET) != 0)
		{
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
		if ((happened & event) != 0)
			return;
	}
}

static void
connect_signer(Exchange *x)
{
	struct sockaddr_un address;

	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	strlcpy(address.sun_path, x->path, sizeof(address.sun_path));
	if (!pg_set_noblock(x->fd))
		unreachable_errno(x, "set up the socket");
	while (connect(x->fd, (struct sockaddr *) &address, sizeof(address)) != 0)
	{
		if (errno != EINTR)
			unreachable_errno(x, "connect");
	}
}

static void
send_request(const Exchange *x, const char *text, Size len)
{
	Size		done = 0;

	while (done < len)
	{
		ssize_t		n;

		wait_for(x, WL_SOCKET_WRITEABLE);
		n = send(x->fd, text + done, len - done, 0);
		/* One who hangs up may have said why. */
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			unreachable_errno(x, "send");
		if (n > 0)
			done += n;
	}
	(void) shutdown(x->fd, SHUT_WR);
}

/* Returns the length, at most cap. */
static Size
receive_reply(const Exchange *x, char *text, Size cap)
{
	Size		len = 0;

	while (len < cap)
	{
		ssize_t		n;

		wait_for(x, WL_SOCKET_READABLE);
		n = recv(x->fd, text + len, cap - len, 0);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			unreachable_errno(x, "receive");
		if (n > 0)
			len += n;
	}
	return len;
}

static Size
exchange(const char *request, Size len, char *reply)
{
	Exchange	x;
	Size		n = 0;

	x.path = socket_path();
	x.deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), custody_signer_timeout);
	ReserveExternalFD();
	x.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	PG_TRY();
	{
		if (x.fd < 0)
			unreachable_errno(&x, "make a socket");
		connect_signer(&x);
		send_request(&x, request, len);
		n = receive_reply(&x, reply, CC_REPLY_MAX + 1);
	}
	PG_FINALLY();
	{
		if (x.fd >= 0)
			close(x.fd);
		ReleaseExternalFD();
	}
	PG_END_TRY();
	return n;
}

/* Raise what the signer says. */
static void
raise_reply(cc_reply_kind kind, cc_slice sentence)
{
	const char *path = socket_path();
	char	   *detail = pnstrdup((const char *) sentence.data, sentence.len);

	detail[strcspn(detail, "\n")] = '\0';
	switch (kind)
	{
		case CC_REPLY_REFUSED:
			ereport(ERROR,
					(errcode(ERRCODE_CUSTODY_SIGNER_REFUSES),
					 errmsg("signer at \"%s\" refuses", path),
					 errdetail("%s", detail),
					 errhint("If the database was restored from a backup, or the signer's folder is lost, go on with custody.new_incarnation(); otherwise find out who changed one of the two.")));
			break;
		case CC_REPLY_UNKNOWN:
			ereport(ERROR,
					(errcode(ERRCODE_CUSTODY_KEY_UNUSABLE),
					 errmsg("signer at \"%s\" does not have the key", path),
					 errdetail("%s", detail),
					 errhint("Give it back its folder, or, if the key is lost, go on under a new one with custody.new_incarnation().")));
			break;
		case CC_REPLY_DENIED:
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("signer at \"%s\" does not answer this user", path),
					 errdetail("%s", detail),
					 errhint("Start pg_custody_signer with --allow and the user the server runs as.")));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_CUSTODY_SIGNER_UNREACHABLE),
					 errmsg("signer at \"%s\" failed", path),
					 errdetail("%s", detail),
					 errhint("See what pg_custody_signer logs; the next seal goes on where this one ended.")));
	}
}

static void
check_answer(cc_status status)
{
	if (status != CC_OK)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_SIGNER_UNREACHABLE),
				 errmsg("answer of the signer at \"%s\" cannot be used", socket_path()),
				 errdetail("It is not what was asked for: %s.", cc_status_text(status)),
				 errhint("See whether pg_custody_signer listens there, of the same version as the library.")));
}

/* Ask, and return what follows "ok", palloc'd. */
static cc_slice
ask(const cc_request *request)
{
	char	   *text = palloc(CC_REQUEST_MAX + 1);
	char	   *reply = palloc(CC_REPLY_MAX + 1);
	Size		len = exchange(text, cc_request_format(text, request), reply);
	cc_reply_kind kind = CC_REPLY_FAILED;
	cc_slice	body = {NULL, 0};

	pfree(text);
	check_answer(cc_reply_parse(&kind, &body, reply, len));
	if (kind != CC_REPLY_OK)
		raise_reply(kind, body);
	return body;
}

void
custody_signer_status(const char *ledger_id, cc_ring *ring)
{
	cc_request *request = palloc0(sizeof(cc_request));

	request->verb = CC_REQUEST_STATUS;
	strlcpy(request->ledger_id, ledger_id, sizeof(request->ledger_id));
	check_answer(cc_ring_parse(ring, ask(request)));
	pfree(request);
}

/* Is the answer the key asked for, and its possession proven? */
static cc_status
check_key(const cc_request *request, const cc_new_key *key)
{
	char		text[CC_VERIFIER_KEY_MAX + 1];
	cc_key_event event;
	cc_vkey		vkey;
	cc_status	status;

	cc_vkey_format(text, &key->key);
	event.epoch = request->epoch;
	event.verifier_key.data = (const uint8_t *) text;
	event.verifier_key.len = strlen(text);
	event.possession.data = key->possession;
	event.possession.len = key->possession_len;
	status = cc_key_event_key(&vkey, &event);
	if (status == CC_OK && strcmp(vkey.name, request->origin) != 0)
		return CC_E_KEY;
	return status == CC_OK ? cc_key_event_check(&event, &vkey) : status;
}

void
custody_signer_key(const cc_request *request, cc_new_key *key)
{
	check_answer(cc_new_key_parse(key, ask(request)));
	check_answer(check_key(request, key));
}

char *
custody_signer_sign(const cc_request *request, Size *len)
{
	cc_slice	note = ask(request);

	*len = note.len;
	return pnstrdup((const char *) note.data, note.len);
}
