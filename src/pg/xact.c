/*
 * xact.c
 *	  Transaction callbacks: the transaction record at pre-commit.
 *
 * The record is written when deferred triggers have run and nothing of the
 * transaction may change any more: at pre-commit, or before PREPARE.  A change
 * that arrives later is refused, because no record could cover it.
 *
 * Everything here that can fail runs before commit; callbacks at commit and
 * abort only reset static state.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "replication/origin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "pg/append.h"
#include "pg/canonical.h"
#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/guc.h"
#include "pg/order.h"
#include "pg/shmem.h"
#include "pg/xact.h"

void		(*custody_xact_settle_hook) (void) = NULL;
void		(*custody_xact_end_hook) (bool committed) = NULL;

static bool callbacks_registered = false;

/* This transaction. */
static bool record_written = false;
static Oid *current_users = NULL;	/* in TopTransactionContext */
static int	ncurrent_users = 0;
static int	max_current_users = 0;

/* This backend; 0 = to be read again. */
static uint32 incarnation = 0;

/*
 * Names that a record states, and what they were made from.  They seldom
 * change within a session.  Memory: a context of their own.
 */
typedef struct Names
{
	Oid			session_user;
	Oid			outer_user;
	Oid			current_user;	/* the only one */
	RepOriginId replication_origin;
	char	   *application;
	cc_record	record;			/* these names, and nothing else */
} Names;

static Names names;
static bool names_valid = false;
static MemoryContext names_context = NULL;

/* Room for most records. */
#define RECORD_BYTES 1000

static void
invalidate_incarnation(Datum arg, Oid relid)
{
	incarnation = 0;
}

uint32
custody_xact_incarnation(void)
{
	CustodyScan scan;

	if (incarnation != 0)
		return incarnation;
	custody_catalog_scan_begin(&scan, CUSTODY_LOG_INCARNATION,
							   CUSTODY_INCARNATION_PKEY, SnapshotSelf,
							   BackwardScanDirection, 0, NULL);
	incarnation = 1;
	if (custody_catalog_scan_next(&scan))
		incarnation = DatumGetUInt32(custody_catalog_get(&scan,
														 Anum_incarnation_incarnation));
	custody_catalog_scan_end(&scan);
	return incarnation;
}

/* Who the session is */

/* A role's name; its number if it is gone. */
static char *
role_name(Oid role)
{
	char	   *name = GetUserNameFromId(role, true);

	return name ? name : psprintf("%u", role);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static char *
current_user_names(void)
{
	char	  **names = palloc(ncurrent_users * sizeof(char *));
	StringInfoData buf;

	for (int i = 0; i < ncurrent_users; i++)
		names[i] = (char *) quote_identifier(role_name(current_users[i]));
	qsort(names, ncurrent_users, sizeof(char *), compare_names);
	initStringInfo(&buf);
	for (int i = 0; i < ncurrent_users; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? "," : "", names[i]);
	return buf.data;
}

/*
 * Who was authenticated; where the method says nothing, the role that logged in
 * if it is not the session user any more (SET SESSION AUTHORIZATION).
 */
static char *
authenticated_identity(void)
{
	const char *method = NULL;
	const char *id = custody_compat_authn_id(&method);

	if (id != NULL)
		return psprintf("%s:%s", method, id);
	return GetAuthenticatedUserId() == GetSessionUserId() ? NULL :
		psprintf("login:%s", role_name(GetAuthenticatedUserId()));
}

static char *
client_address(void)
{
	if (MyProcPort == NULL || MyProcPort->remote_host == NULL)
		return NULL;
	if (MyProcPort->remote_port == NULL || MyProcPort->remote_port[0] == '\0')
		return pstrdup(MyProcPort->remote_host);
	return psprintf("%s:%s", MyProcPort->remote_host, MyProcPort->remote_port);
}

static char *
replication_origin(void)
{
	char	   *name = NULL;

	if (replorigin_session_origin == InvalidRepOriginId ||
		replorigin_session_origin == DoNotReplicateId)
		return NULL;
	if (!replorigin_by_oid(replorigin_session_origin, true, &name))
		return psprintf("%u", replorigin_session_origin);
	return name;
}

/* Role names may have changed. */
static void
invalidate_names(Datum arg, int cacheid, uint32 hashvalue)
{
	names_valid = false;
}

/* Are the names at hand those of this transaction? */
static bool
same_names(void)
{
	return names_valid && ncurrent_users == 1 &&
		names.session_user == GetSessionUserId() &&
		names.outer_user == GetOuterUserId() &&
		names.current_user == current_users[0] &&
		names.replication_origin == replorigin_session_origin &&
		strcmp(names.application, application_name ? application_name : "") == 0;
}

/* Put the names together; what has one current user serves again. */
static void
load_names(void)
{
	MemoryContext old;

	if (same_names())
		return;
	/* Valid from here on, so that an invalidation on the way is not missed... */
	names_valid = ncurrent_users == 1;
	names.session_user = InvalidOid;
	if (names_context == NULL)
		names_context = AllocSetContextCreate(TopMemoryContext, "custody session names",
											  ALLOCSET_SMALL_SIZES);
	MemoryContextReset(names_context);
	old = MemoryContextSwitchTo(names_context);
	names.outer_user = GetOuterUserId();
	names.current_user = ncurrent_users > 0 ? current_users[0] : InvalidOid;
	names.replication_origin = replorigin_session_origin;
	names.application = pstrdup(application_name ? application_name : "");
	names.record.session_user = custody_canonical_slice(role_name(GetSessionUserId()));
	names.record.outer_user = custody_canonical_slice(role_name(names.outer_user));
	names.record.current_users = custody_canonical_slice(current_user_names());
	names.record.identity = custody_canonical_slice(authenticated_identity());
	names.record.client_address = custody_canonical_slice(client_address());
	names.record.application = custody_canonical_slice(names.application);
	names.record.replication_origin = custody_canonical_slice(replication_origin());
	MemoryContextSwitchTo(old);
	/* ... but not used unless complete. */
	names.session_user = GetSessionUserId();
}

/* The record */

static int64
unix_microseconds(TimestampTz t)
{
	return t + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

static void
fill_record(cc_record *r)
{
	load_names();
	*r = names.record;
	r->incarnation = custody_xact_incarnation();
	r->commit_number = custody_catalog_nextval(CUSTODY_COMMIT_NUMBER);
	r->number = custody_append_name(r->commit_number);
	r->xid = U64FromFullTransactionId(GetTopFullTransactionId());
	r->start_time = unix_microseconds(GetCurrentTransactionStartTimestamp());
	r->commit_time = unix_microseconds(GetCurrentTimestamp());
	r->entry_count = custody_append_count();
	r->actor = custody_canonical_slice(custody_context_actor);
	r->reason = custody_canonical_slice(custody_context_reason);
	r->purpose = custody_canonical_slice(custody_context_purpose);
	r->extra = custody_canonical_slice(custody_context_extra);
}

static bytea *
encode_record(const cc_record *r)
{
	bytea	   *record = palloc(VARHDRSZ + RECORD_BYTES);
	cc_writer	w;

	cc_writer_init(&w, VARDATA(record), RECORD_BYTES);
	cc_write_record_open(&w, r);
	if (w.status != CC_OK)
	{
		Size		len;

		pfree(record);
		cc_writer_init(&w, NULL, 0);
		cc_write_record_open(&w, r);
		len = w.len;
		record = palloc(VARHDRSZ + len);
		cc_writer_init(&w, VARDATA(record), len);
		cc_write_record_open(&w, r);
	}
	SET_VARSIZE(record, VARHDRSZ + w.len);
	return record;
}

/* Store the record, and the entries that are not stored yet. */
static void
store_record(void)
{
	Datum		values[Anum_transaction_entries];
	bool		nulls[Anum_transaction_entries] = {0};
	CustodyAppend append;
	cc_record	r;
	bytea	   *record;
	bytea	   *entries;
	uint64		first_entry;

	fill_record(&r);
	record = encode_record(&r);
	entries = custody_append_finish(VARSIZE(record), &first_entry);
	values[Anum_transaction_xact_id - 1] =
		FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[Anum_transaction_txn_no - 1] = Int64GetDatum((int64) r.number);
	values[Anum_transaction_first_entry - 1] = Int64GetDatum((int64) first_entry);
	values[Anum_transaction_record - 1] = PointerGetDatum(record);
	values[Anum_transaction_entries - 1] = PointerGetDatum(entries);
	custody_catalog_append_begin(&append, CUSTODY_LOG_TRANSACTION);
	custody_catalog_append(&append, values, nulls);
	custody_catalog_append_end(&append);
	pfree(record);
}

/* A seal that nobody will make must not be promised. */
static void
check_synchronous_seal(void)
{
	if (custody_synchronous_seal && MyProcPort != NULL &&
		!custody_shmem_available())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("custody.synchronous_seal needs the sealer"),
				 errdetail("The library is not preloaded, so no sealer runs that the commit could wait for."),
				 errhint("Add pg_custody to shared_preload_libraries, or set custody.synchronous_seal to off.")));
}

static void
pre_commit(void)
{
	if (!custody_append_pending() && !custody_order_pending())
		return;
	check_synchronous_seal();
	if (custody_xact_settle_hook)
		custody_xact_settle_hook();
	custody_order_flush();
	store_record();
	record_written = true;
}

static void
end_transaction(bool committed)
{
	bool		wait = committed && record_written &&
		custody_synchronous_seal && MyProcPort != NULL;

	custody_append_reset();
	custody_order_reset();
	record_written = false;
	current_users = NULL;
	ncurrent_users = 0;
	max_current_users = 0;
	if (custody_xact_end_hook)
		custody_xact_end_hook(committed);
	if (wait)
	{
		custody_shmem_wake_sealer();
		custody_shmem_wait_sealed();
	}
}

static void
xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			pre_commit();
			break;
		case XACT_EVENT_COMMIT:
			end_transaction(true);
			break;
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_ABORT:
			end_transaction(false);
			break;
		default:
			break;
	}
}

static void
subxact_callback(SubXactEvent event, SubTransactionId mySubid,
				 SubTransactionId parentSubid, void *arg)
{
	switch (event)
	{
		case SUBXACT_EVENT_COMMIT_SUB:
			custody_append_subcommit(GetCurrentTransactionNestLevel());
			custody_order_subcommit(GetCurrentTransactionNestLevel());
			break;
		case SUBXACT_EVENT_ABORT_SUB:
			custody_append_subabort(GetCurrentTransactionNestLevel());
			custody_order_subabort(GetCurrentTransactionNestLevel());
			if (custody_xact_end_hook)
				custody_xact_end_hook(false);
			break;
		default:
			break;
	}
}

static void
note_current_user(void)
{
	Oid			user = GetUserId();

	for (int i = 0; i < ncurrent_users; i++)
		if (current_users[i] == user)
			return;
	if (ncurrent_users == max_current_users)
	{
		int			max = Max(2 * max_current_users, 8);

		if (current_users == NULL)
			current_users = MemoryContextAlloc(TopTransactionContext,
											   max * sizeof(Oid));
		else
			current_users = repalloc(current_users, max * sizeof(Oid));
		max_current_users = max;
	}
	current_users[ncurrent_users++] = user;
}

void
custody_xact_note_change(void)
{
	if (unlikely(!callbacks_registered))
	{
		RegisterXactCallback(xact_callback, NULL);
		RegisterSubXactCallback(subxact_callback, NULL);
		CacheRegisterRelcacheCallback(invalidate_incarnation, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHOID, invalidate_names, (Datum) 0);
		callbacks_registered = true;
	}
	if (record_written)
		ereport(ERROR,
				(errcode(ERRCODE_CUSTODY_LATE_CHANGE),
				 errmsg("protected table changed after the transaction's record was written"),
				 errdetail("Another module changes rows while the transaction commits."),
				 errhint("Let it make its changes before COMMIT, for instance in a deferred trigger.")));
	note_current_user();
}

void
custody_xact_require_clean(const char *function)
{
	if (custody_append_pending())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run in a transaction that has changed protected tables",
						function),
				 errdetail("The changes are not in the ledger before the transaction commits."),
				 errhint("Commit first, then call %s.", function)));
}
