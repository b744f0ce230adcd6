/*
 * environment_server.c
 *	  The server around the database as environment items: the module's file,
 *	  settings that matter to capture and durability, when the server started.
 *
 * Settings that any session may change are taken from the configuration
 * files, the others as they are in force.  Of settings that may hold a secret
 * only the digest is shown.
 */
#include "postgres.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/catalog.h"
#include "pg/compat.h"
#include "pg/environment.h"
#include "pg/guc.h"

/* The same in every process of the server. */
static const char *const server_settings[] = {
	"archive_mode", "custody.full_verify_at", "custody.heartbeat_interval", "custody.key_directory",
	"custody.origin", "custody.seal_interval", "custody.signer", "custody.verify_interval", "custody.witness_name", "data_checksums", "fsync", "full_page_writes", "hba_file",
	"ident_file", "log_connections", "shared_preload_libraries", "wal_level"
};

/* The same, but what they say is nobody's business. */
static const char *const hidden_settings[] = {
	"archive_command", "custody.anchor_command"
};

/* Settings that sessions, roles and databases may have otherwise. */
static const char *const session_settings[] = {
	"allow_system_table_mods", "custody.synchronous_seal", "event_triggers",
	"ignore_checksum_failure", "ignore_system_indexes", "local_preload_libraries",
	"log_min_messages", "restrict_nonsystem_relation_kind", "row_security", "session_preload_libraries",
	"session_replication_role", "synchronous_commit", "zero_damaged_pages"
};

static void
digest_hex(char hex[2 * CC_DIGEST_SIZE + 1], const uint8 digest[CC_DIGEST_SIZE])
{
	hex_encode((const char *) digest, CC_DIGEST_SIZE, hex);
	hex[2 * CC_DIGEST_SIZE] = '\0';
}

/* The module */

static bool
hash_file(const char *path, uint8 digest[CC_DIGEST_SIZE])
{
	FILE	   *file = AllocateFile(path, PG_BINARY_R);
	char	   *buffer;
	size_t		len;
	cc_sha256	hash;
	bool		good;

	if (file == NULL)
		return false;
	buffer = palloc(65536);
	cc_sha256_init(&hash);
	while ((len = fread(buffer, 1, 65536, file)) > 0)
		cc_sha256_update(&hash, buffer, len);
	cc_sha256_final(&hash, digest);
	good = !ferror(file);
	FreeFile(file);
	pfree(buffer);
	return good;
}

/* Is it the file that was hashed before, untouched? */
static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
		a->st_mtime == b->st_mtime && a->st_ctime == b->st_ctime;
}

/* The file that a new process would load. */
static void
module(CustodySurvey *s, const char *group, Oid unused)
{
	static struct stat hashed;
	static uint8 digest[CC_DIGEST_SIZE];
	static bool known = false;
	char		hex[2 * CC_DIGEST_SIZE + 1];
	struct stat now;
	Dl_info		info;

	if (dladdr((void *) &known, &info) == 0 || stat(info.dli_fname, &now) != 0)
	{
		custody_items_add(s->items, group, "no file");
		return;
	}
	if (!known || !same_file(&hashed, &now))
	{
		known = hash_file(info.dli_fname, digest);
		hashed = now;
	}
	digest_hex(hex, digest);
	custody_items_add(s->items, group,
					  known ? psprintf("version %s sha256:%s", PG_CUSTODY_VERSION, hex) : "unreadable file");
}

/* Settings */

static void
put_setting(CustodySurvey *s, const char *where, const char *name, const char *value)
{
	custody_items_add(s->items, psprintf("%s/%s", where, name), value);
}

static void
put_server_settings(CustodySurvey *s)
{
	char		hex[2 * CC_DIGEST_SIZE + 1];
	uint8		digest[CC_DIGEST_SIZE];

	for (int i = 0; i < lengthof(server_settings); i++)
	{
		const char *value = GetConfigOption(server_settings[i], true, false);

		if (value != NULL)
			put_setting(s, "settings", server_settings[i], value);
	}
	for (int i = 0; i < lengthof(hidden_settings); i++)
	{
		const char *value = GetConfigOption(hidden_settings[i], true, false);

		if (value == NULL || value[0] == '\0')
			continue;
		cc_digest_prefixed(digest, 0, value, strlen(value));
		digest_hex(hex, digest);
		put_setting(s, "settings", hidden_settings[i], psprintf("sha256:%s", hex));
	}
}

static bool
is_session_setting(const char *name)
{
	for (int i = 0; i < lengthof(session_settings); i++)
		if (pg_strcasecmp(name, session_settings[i]) == 0)
			return true;
	return false;
}

/* Of several lines for a setting the last one holds. */
static void
put_file_settings(CustodySurvey *s)
{
	ConfigVariable *first = NULL;
	ConfigVariable *last = NULL;

	if (!ParseConfigFile(ConfigFileName, false, NULL, 0, 0, DEBUG1, &first, &last) ||
		!ParseConfigFile(PG_AUTOCONF_FILENAME, false, NULL, 0, 0, DEBUG1, &first, &last))
	{
		custody_items_add(s->items, "configuration", "unreadable");
		return;
	}
	for (int i = 0; i < lengthof(session_settings); i++)
	{
		const char *value = NULL;

		for (ConfigVariable *v = first; v != NULL; v = v->next)
			if (v->name != NULL && v->value != NULL && pg_strcasecmp(v->name, session_settings[i]) == 0)
				value = v->value;
		if (value != NULL)
			put_setting(s, "configuration", session_settings[i], value);
	}
	FreeConfigVariables(first);
}

static void
settings(CustodySurvey *s, const char *group, Oid unused)
{
	custody_items_add(s->items, group, "read");
	put_server_settings(s);
	custody_items_add(s->items, "configuration", "read");
	put_file_settings(s);
}

/* What ALTER DATABASE and ALTER ROLE have set. */
static void
put_array(CustodySurvey *s, const char *where, Datum array)
{
	Datum	   *elements;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name = TextDatumGetCString(elements[i]);
		char	   *equals = strchr(name, '=');

		if (equals == NULL)
			continue;
		*equals = '\0';
		if (is_session_setting(name))
			put_setting(s, where, name, equals + 1);
	}
}

static void
scoped_settings(CustodySurvey *s, const char *group, Oid unused)
{
	Relation	rel = table_open(DbRoleSettingRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, s->snapshot, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_db_role_setting form = (Form_pg_db_role_setting) GETSTRUCT(tuple);
		bool		isnull;
		Datum		array = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig,
										 RelationGetDescr(rel), &isnull);

		if (isnull || (OidIsValid(form->setdatabase) && form->setdatabase != MyDatabaseId))
			continue;
		put_array(s, psprintf("settings of %s in %s",
							  OidIsValid(form->setrole) ? custody_item_role(form->setrole) : "every role",
							  OidIsValid(form->setdatabase) ? "this database" : "every database"), array);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

char *
custody_survey_identity(void)
{
	return psprintf("system " UINT64_FORMAT " database %u ledger %u", GetSystemIdentifier(),
					MyDatabaseId, custody_catalog_relid(CUSTODY_LOG_ENVIRONMENT));
}

static void
identity(CustodySurvey *s, const char *group, Oid unused)
{
	custody_items_add(s->items, group, custody_survey_identity());
}

static void
start(CustodySurvey *s, const char *group, Oid unused)
{
	custody_items_add(s->items, group,
					  DatumGetCString(DirectFunctionCall1(timestamptz_out,
														  TimestampTzGetDatum(PgStartTime))));
}

void
custody_survey_server(CustodySurvey *s)
{
	custody_survey_guarded(s, "module", module, InvalidOid);
	custody_survey_guarded(s, "settings", settings, InvalidOid);
	custody_survey_guarded(s, "scoped settings", scoped_settings, InvalidOid);
	custody_survey_guarded(s, CUSTODY_ITEM_START, start, InvalidOid);
	custody_survey_guarded(s, CUSTODY_ITEM_IDENTITY, identity, InvalidOid);
}
