/*
 * environment_item.c
 *	  Lists of environment items, and what the files that fill them share.
 *
 * The name of an item is the name of its object, "kind name", and for a part
 * of it "/part".  A slash or blank within a name is inside double quotes, as
 * SQL has it.  Every object has the item without a part.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaddress.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "pg/compat.h"
#include "pg/environment.h"

/* Longer ones are cut to KEPT bytes and end in their digest. */
#define LONGEST_NAME 400
#define KEPT_OF_NAME 200
#define LONGEST_TEXT 600
#define KEPT_OF_TEXT 300

void
custody_items_init(CustodyItems *items, MemoryContext context)
{
	memset(items, 0, sizeof(*items));
	items->context = context;
}

static const char *
cut(const char *text, size_t max, size_t kept)
{
	size_t		len = strlen(text);
	uint8		digest[CC_DIGEST_SIZE];
	char		hex[2 * CC_DIGEST_SIZE + 1];
	cc_sha256	hash;

	if (len <= max)
		return text;
	cc_sha256_init(&hash);
	cc_sha256_update(&hash, text, len);
	cc_sha256_final(&hash, digest);
	hex_encode((const char *) digest, CC_DIGEST_SIZE, hex);
	hex[2 * CC_DIGEST_SIZE] = '\0';
	return psprintf("%.*s ... sha256:%s", pg_mbcliplen(text, len, kept), text, hex);
}

/* On one line, so that a list of items reads well. */
static char *
one_line(const char *text)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (; *text != '\0'; text++)
	{
		if (*text == '\n')
			appendStringInfoString(&buf, "\\n");
		else if (*text == '\\')
			appendStringInfoString(&buf, "\\\\");
		else
			appendStringInfoChar(&buf, *text);
	}
	return buf.data;
}

void
custody_items_put(CustodyItems *items, const char *name, const char *text)
{
	CustodyItem *item;

	if (items->n == items->max)
	{
		items->max = items->max == 0 ? 64 : items->max * 2;
		items->items = items->items == NULL ?
			MemoryContextAllocHuge(items->context, items->max * sizeof(CustodyItem)) :
			repalloc_huge(items->items, items->max * sizeof(CustodyItem));
	}
	item = &items->items[items->n++];
	item->name = MemoryContextStrdup(items->context, name);
	item->text = MemoryContextStrdup(items->context, text);
	item->number = 0;
}

void
custody_items_add(CustodyItems *items, const char *name, const char *text)
{
	/* An empty text stands for no item. */
	custody_items_put(items, cut(name, LONGEST_NAME, KEPT_OF_NAME),
					  text[0] == '\0' ? "-" : cut(one_line(text), LONGEST_TEXT, KEPT_OF_TEXT));
}

static int
compare_items(const void *a, const void *b)
{
	return strcmp(((const CustodyItem *) a)->name, ((const CustodyItem *) b)->name);
}

void
custody_items_sort(CustodyItems *items)
{
	int			n = 0;

	if (items->n == 0)
		return;
	qsort(items->items, items->n, sizeof(CustodyItem), compare_items);
	/* Two objects of one name can only come from damage; keep one text. */
	for (int i = 1; i < items->n; i++)
	{
		CustodyItem *last = &items->items[n];
		CustodyItem *next = &items->items[i];

		if (strcmp(last->name, next->name) != 0)
			items->items[++n] = *next;
		else if (strcmp(last->text, next->text) < 0)
			last->text = next->text;
	}
	items->n = n + 1;
}

CustodyItem *
custody_items_find(const CustodyItems *items, const char *name)
{
	CustodyItem key = {(char *) name};

	if (items->n == 0)
		return NULL;
	return bsearch(&key, items->items, items->n, sizeof(CustodyItem), compare_items);
}

size_t
custody_item_group(const char *name)
{
	bool		quoted = false;
	size_t		i;

	for (i = 0; name[i] != '\0' && (quoted || name[i] != '/'); i++)
		if (name[i] == '"')
			quoted = !quoted;
	return i;
}

bool
custody_items_have_group(const CustodyItems *items, const char *name)
{
	return custody_items_find(items, pnstrdup(name, custody_item_group(name))) != NULL;
}

/* Errors that are not about the object. */
static bool
passes_through(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES ||
		error->elevel > ERROR;
}

void
custody_survey_guarded(CustodySurvey *s, const char *group,
					   void (*describe) (CustodySurvey *, const char *, Oid), Oid oid)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	int			mark = s->items->n;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		describe(s, group, oid);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	if (error == NULL)
		return;
	if (passes_through(error))
		ReThrowError(error);
	s->items->n = mark;
	if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		s->busy = lappend(s->busy, pstrdup(group));
	else
		custody_items_add(s->items, group, psprintf("unreadable: %s",
														   unpack_sql_state(error->sqlerrcode)));
}

/* Texts */

const char *
custody_item_role(Oid role)
{
	char	   *name;

	if (!OidIsValid(role))
		return "PUBLIC";
	name = GetUserNameFromId(role, true);
	return name ? quote_identifier(name) : psprintf("%u", role);
}

char *
custody_item_relation(Oid relid)
{
	char	   *name = get_rel_name(relid);
	char	   *namespace = get_namespace_name(get_rel_namespace(relid));

	if (name == NULL || namespace == NULL)
		return NULL;
	return quote_qualified_identifier(namespace, name);
}

char *
custody_item_definition(PGFunction function, Oid oid)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = ObjectIdGetDatum(oid);
	fcinfo->args[0].isnull = false;
	result = function(fcinfo);
	return fcinfo->isnull ? pstrdup("(none)") : TextDatumGetCString(result);
}

int
custody_item_compare_strings(const ListCell *a, const ListCell *b)
{
	return strcmp(strVal(lfirst(a)), strVal(lfirst(b)));
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Is it what the owner has anyway? */
static bool
is_owners(const AclItem *item, const AclItem *items, int n, Oid owner)
{
	if (item->ai_grantee != owner || item->ai_grantor != owner)
		return false;
	for (int i = 0; i < n; i++)
		if (items[i].ai_grantee == owner && items[i].ai_privs == item->ai_privs)
			return true;
	return false;
}

char *
custody_item_acl(Datum datum, bool isnull, char kind, Oid owner)
{
	ObjectType	type = kind == 'f' ? OBJECT_FUNCTION : kind == 'n' ? OBJECT_SCHEMA :
		kind == 's' ? OBJECT_SEQUENCE : kind == 'c' ? OBJECT_COLUMN : OBJECT_TABLE;
	Acl		   *usual = acldefault(type, owner);
	Acl		   *acl = isnull ? usual : DatumGetAclP(datum);
	AclItem    *items = ACL_DAT(acl);
	char	  **texts = palloc((ACL_NUM(acl) + 1) * sizeof(char *));
	StringInfoData buf;
	bool		owners = kind == 'c';
	int			n = 0;

	for (int i = 0; i < ACL_NUM(acl); i++)
	{
		if (is_owners(&items[i], ACL_DAT(usual), ACL_NUM(usual), owner))
			owners = true;
		else
			texts[n++] = DatumGetCString(DirectFunctionCall1(aclitemout, PointerGetDatum(&items[i])));
	}
	if (!owners)
		texts[n++] = "owner restricted";
	qsort(texts, n, sizeof(char *), compare_texts);
	initStringInfo(&buf);
	for (int i = 0; i < n; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? "," : "", texts[i]);
	return buf.data;
}
