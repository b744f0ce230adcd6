/*
 * guc.c
 *	  Every setting, alphabetical, variable beside definition.
 *
 * Nothing that weakens capture or sealing can be set by an ordinary user.
 * The context settings are assertions of the application; the authenticated
 * identity is recorded beside them.
 */
#include "postgres.h"

#include <limits.h>
#include <sys/un.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "core/sigcheck.h"
#include "pg/guc.h"

/* Bytes of actor, reason or purpose, and of extra. */
#define CONTEXT_MAX 2048
#define EXTRA_MAX 8192

/*
 * Shell command that takes a checkpoint off the server; "" for none.  %p is
 * replaced by the path of the file, %s by its tree size, %% by a percent sign.
 */
char	   *custody_anchor_command = NULL;

/*
 * What custody.set_context() keeps until the transaction ends.  Also settable
 * directly, for poolers that set them per session.
 */
char	   *custody_context_actor = NULL;
char	   *custody_context_extra = NULL;
char	   *custody_context_purpose = NULL;
char	   *custody_context_reason = NULL;

/*
 * Time of day, in log_timezone, at which the whole ledger is verified; "" for
 * never.  Off leaves it to somebody else to look.
 */
char	   *custody_full_verify_at = NULL;

/* Write an empty block when nothing was sealed for this long, so that a
 * silence is itself visible.  Off weakens detection of a stopped sealer. */
int			custody_heartbeat_interval = 3600;

/*
 * Folder of the private keys and the signer's memory.  Must lie outside the
 * data directory, so that base backups carry no private key.
 */
char	   *custody_key_directory = NULL;

/*
 * Longest life of a signing key, in seconds and in blocks; 0 for no limit.  The
 * longer it is, the more a thief of the key can sign anew.
 */
int			custody_key_epoch = 86400;
int			custody_key_epoch_blocks = 0;

/* Origin of checkpoints.  Used when a log or an incarnation begins; later
 * changes have no effect on a running log. */
char	   *custody_origin = NULL;

/* How often the sealer looks for committed transactions. */
int			custody_seal_interval = 1000;

/*
 * "unix:" and the path of the socket of a signer that has the keys; "": they
 * are in the key directory.
 */
char	   *custody_signer = NULL;

/* Longest that a question to the signer may take, in ms. */
int			custody_signer_timeout = 10000;

/*
 * Make each commit with entries wait for its seal.  SUSET because switching
 * it off leaves an unsealed tail.
 */
bool		custody_synchronous_seal = false;

/* How often what is new since the last verification is verified; 0 = never. */
int			custody_verify_interval = 3600;

/*
 * Name under which this database cosigns the logs of others; "" derives it
 * from the origin.  Used when the witness's key is made.
 */
char	   *custody_witness_name = NULL;

/* Is the library being loaded? */
static bool defining = false;

/*
 * A value that was set before the library was loaded is taken as it is: to
 * refuse it here would leave the default in its place with only a warning,
 * and a log would begin under an origin that nobody chose.  Beginning raises.
 */
static bool
check_origin(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || defining ||
		cc_origin_valid(*newval, strlen(*newval)))
		return true;
	GUC_check_errdetail("An origin consists of letters, digits, dots, slashes and hyphens, has at most %d bytes and neither begins nor ends with a slash.",
						CC_ORIGIN_MAX);
	GUC_check_errhint("Use a name like \"hospital.example/ledger\".");
	return false;
}

#define SIGNER_SCHEME "unix:"
#define SIGNER_PATH_MAX (sizeof(((struct sockaddr_un *) NULL)->sun_path) - 1)

/* The path in "unix:/path", or NULL. */
static const char *
parse_signer(const char *text)
{
	const char *path = text + strlen(SIGNER_SCHEME);

	if (strncmp(text, SIGNER_SCHEME "/", strlen(SIGNER_SCHEME "/")) != 0 || strlen(path) > SIGNER_PATH_MAX)
		return NULL;
	return path;
}

const char *
custody_signer_path(void)
{
	return parse_signer(custody_signer);
}

/* As check_origin(): else keys would be made where nobody wanted them. */
static bool
check_signer(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || defining || parse_signer(*newval) != NULL)
		return true;
	GUC_check_errdetail("A signer is named by the absolute path of its socket, of at most %zu bytes.", SIGNER_PATH_MAX);
	GUC_check_errhint("Use a value like \"unix:/run/custody/signer\".");
	return false;
}

/* Second of the day that "HH:MM" names; -1 for "", -2 for anything else. */
static int
parse_time_of_day(const char *text)
{
	int			hour;
	int			minute;

	if (text[0] == '\0')
		return -1;
	if (strlen(text) != 5 || text[2] != ':' || strspn(text, "0123456789:") != 5)
		return -2;
	hour = (text[0] - '0') * 10 + text[1] - '0';
	minute = (text[3] - '0') * 10 + text[4] - '0';
	return hour < 24 && minute < 60 ? hour * 3600 + minute * 60 : -2;
}

static bool
check_time_of_day(char **newval, void **extra, GucSource source)
{
	if (parse_time_of_day(*newval) != -2)
		return true;
	GUC_check_errdetail("A time of day is written as hours and minutes, 00:00 to 23:59.");
	GUC_check_errhint("Use a value like \"02:00\", or \"\" for never.");
	return false;
}

int
custody_full_verify_second(void)
{
	return parse_time_of_day(custody_full_verify_at);
}

/*
 * A transaction record must fit an entry bundle of at most 65535 bytes a leaf,
 * in UTF-8, which may take three bytes for one of the database's encoding.
 */
static bool
check_length(const char *value, size_t most)
{
	if (strlen(value) <= most)
		return true;
	GUC_check_errdetail("It has %zu bytes; the limit is %zu.", strlen(value), most);
	GUC_check_errhint("Record a reference to the longer text.");
	return false;
}

static bool
check_context(char **newval, void **extra, GucSource source)
{
	return check_length(*newval, CONTEXT_MAX);
}

/*
 * Views show it as jsonb, which takes less than json: no \u0000, no number
 * out of range.  Must not raise: the postmaster calls this on reload.
 */
static bool
check_extra(char **newval, void **extra, GucSource source)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool valid = true;

	if (**newval == '\0')
		return true;
	if (!check_length(*newval, EXTRA_MAX))
		return false;
	PG_TRY();
	{
		(void) DirectFunctionCall1(jsonb_in, CStringGetDatum(*newval));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		GUC_check_errdetail("It is not JSON: %s.", error->message);
		GUC_check_errhint("Give a value that casts to jsonb, for instance '{\"ticket\": 7}'.");
		FreeErrorData(error);
		valid = false;
	}
	PG_END_TRY();
	return valid;
}

static void
define_context(const char *name, const char *what, char **variable,
			   GucStringCheckHook check)
{
	DefineCustomStringVariable(name, what,
							   "Asserted by the application; recorded with each transaction.",
							   variable, "", PGC_USERSET,
							   GUC_NOT_IN_SAMPLE, check, NULL, NULL);
}

void
custody_guc_init(void)
{
	defining = true;
	DefineCustomStringVariable("custody.anchor_command",
							   "Shell command that takes a checkpoint off the server.",
							   "%p is the path of the checkpoint file, %s its tree size.",
							   &custody_anchor_command, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	define_context("custody.context_actor", "Person on whose behalf a change is made.",
				   &custody_context_actor, check_context);
	define_context("custody.context_extra", "Further context of a change, as JSON.",
				   &custody_context_extra, check_extra);
	define_context("custody.context_purpose", "Purpose of a change.",
				   &custody_context_purpose, check_context);
	define_context("custody.context_reason", "Reason of a change.",
				   &custody_context_reason, check_context);
	DefineCustomStringVariable("custody.full_verify_at",
							   "Time of day at which the whole ledger is verified.",
							   "In log_timezone; empty means never.",
							   &custody_full_verify_at, "02:00", PGC_SIGHUP,
							   0, check_time_of_day, NULL, NULL);
	DefineCustomIntVariable("custody.heartbeat_interval",
							"Time after which an idle ledger seals an empty block.",
							"0 disables heartbeats.",
							&custody_heartbeat_interval, 3600, 0, INT_MAX / 1000,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomStringVariable("custody.key_directory",
							   "Directory of private keys and the signer's memory.",
							   "Empty means the data directory's path with \".custody\" appended.",
							   &custody_key_directory, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomIntVariable("custody.key_epoch",
							"Longest life of a signing key.",
							"0 means that no key is replaced for its age.",
							&custody_key_epoch, 86400, 0, INT_MAX / 1000,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("custody.key_epoch_blocks",
							"Most blocks that a key signs.",
							"0 means that no key is replaced for the number of its blocks.",
							&custody_key_epoch_blocks, 0, 0, INT_MAX,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("custody.origin",
							   "Origin of checkpoints, used when a log begins.",
							   "Empty means a name derived from the ledger's id.",
							   &custody_origin, "", PGC_SIGHUP,
							   0, check_origin, NULL, NULL);
	DefineCustomIntVariable("custody.seal_interval",
							"Time between two rounds of the sealer.",
							NULL,
							&custody_seal_interval, 1000, 10, 3600 * 1000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomStringVariable("custody.signer",
							   "Socket of a process that has the private keys and signs.",
							   "Like \"unix:/run/custody/signer\"; empty means that the keys are in custody.key_directory.",
							   &custody_signer, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, check_signer, NULL, NULL);
	DefineCustomIntVariable("custody.signer_timeout",
							"Longest time that the signer may take for an answer.",
							NULL,
							&custody_signer_timeout, 10000, 100, 600 * 1000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomBoolVariable("custody.synchronous_seal",
							 "Makes a commit wait until its changes are sealed.",
							 NULL,
							 &custody_synchronous_seal, false, PGC_SUSET,
							 0, NULL, NULL, NULL);
	DefineCustomIntVariable("custody.verify_interval",
							"Time between two verifications of what is new.",
							"0 disables them.",
							&custody_verify_interval, 3600, 0, INT_MAX / 1000,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomStringVariable("custody.witness_name",
							   "Name of this database as a witness of other logs, used when its key is made.",
							   "Empty means the origin with \"/witness\" appended.",
							   &custody_witness_name, "", PGC_SIGHUP,
							   0, check_origin, NULL, NULL);
	MarkGUCPrefixReserved("custody");
	defining = false;
}
