/*
 * bundle_report.c
 *	  What "pg_custody_verify bundle" prints.
 */
#include "bundle.h"

/* Is the leaf of the block at hand? */
static bool
in_block(const BundleVerifier *v, const cc_finding *f)
{
	return v->audit.blocks > 0 && f->leaf >= v->audit.block_first;
}

static void
print_finding(const BundleVerifier *v, const cc_finding *f, const cc_schema *table)
{
	printf("finding: %s", cc_finding_text(f->code));
	if (in_block(v, f))
		printf(" block=%" PRIu64, v->audit.block_number);
	printf(" leaf=%" PRIu64, f->leaf);
	if (f->entry >= 0)
		printf(" entry=%" PRId64, f->entry);
	if (table != NULL)
	{
		fputs(" table=", stdout);
		print_name(table->schema);
		(void) putchar('.');
		print_name(table->table);
	}
	printf(": %s\n", f->detail);
}

static void
print_finding_json(const BundleVerifier *v, const cc_finding *f, const cc_schema *table)
{
	printf("{\"finding\": \"%s\", \"block\": ", cc_finding_text(f->code));
	show_json_number(in_block(v, f), v->audit.block_number);
	printf(", \"leaf\": %" PRIu64 ", \"entry\": ", f->leaf);
	show_json_number(f->entry >= 0, (uint64_t) f->entry);
	fputs(", \"table\": ", stdout);
	if (table == NULL)
		fputs("null", stdout);
	else
		show_json_table(table->schema, table->table);
	fputs(", \"detail\": ", stdout);
	show_json_string(f->detail);
	fputs("}\n", stdout);
}

void
bundle_report(BundleVerifier *v, const cc_schema *table)
{
	int			i;

	for (i = 0; i < v->findings.n; i++)
	{
		const cc_finding *f = &v->findings.items[i];
		const cc_schema *named = f->entry >= 0 ? table : NULL;

		if (v->json)
			print_finding_json(v, f, named);
		else
			print_finding(v, f, named);
	}
	v->reported += (uint64_t) v->findings.n + v->findings.dropped;
	v->findings.n = 0;
	v->findings.dropped = 0;
}

void
bundle_notice(BundleVerifier *v, const char *format,...)
{
	va_list		args;

	v->notices++;
	if (v->quiet)
		return;
	va_start(args, format);
	print_notice(v->json, format, args);
	va_end(args);
}

static void
print_summary_json(const BundleVerifier *v, const char *root)
{
	const cc_audit *a = &v->audit;

	printf("{\"verified\": %s, \"findings\": %" PRIu64 ", \"notices\": %" PRIu64
		   ", \"blocks\": %" PRIu64 ", \"transactions\": %" PRIu64 ", \"entries\": %" PRIu64
		   ", \"tree_size\": %" PRIu64 ", \"root\": \"%s\"}\n",
		   v->reported == 0 ? "true" : "false", v->reported, v->notices,
		   a->blocks, a->transactions, a->entries, a->log.size, root);
}

void
bundle_summary(BundleVerifier *v)
{
	const cc_audit *a = &v->audit;
	uint8_t		root[CC_DIGEST_SIZE];
	char		text[CC_BASE64_SIZE(CC_DIGEST_SIZE) + 1] = "";

	if (a->withheld > a->erasures)
		bundle_notice(v, "%" PRIu64 " entries lack values but erasure entries account for %" PRIu64, a->withheld, a->erasures);
	if (v->quiet)
		return;
	cc_frontier_root(&a->log, root);
	cc_base64_encode(text, root, sizeof(root));
	if (v->json)
	{
		print_summary_json(v, text);
		return;
	}
	print_verdict(v->reported);
	printf("%" PRIu64 " blocks, %" PRIu64 " transactions, %" PRIu64 " entries, size %" PRIu64 ", root %s\n",
		   a->blocks, a->transactions, a->entries, a->log.size, text);
}
