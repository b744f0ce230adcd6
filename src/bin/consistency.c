/*
 * consistency.c
 *	  Did the log only grow since the checkpoint that the caller kept?
 *
 * A proof that cannot be judged (unreadable, of another old size, signed by
 * nobody trusted) says nothing about the log and is not a finding.  The
 * origins may differ: a restored ledger goes on under a new one.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "core/tlogproof.h"
#include "verify.h"

static const char usage_text[] =
"Usage: pg_custody_verify consistency --key VKEY --old CHECKPOINT PROOF\n"
"\n"
"Checks that the log of the checkpoint in PROOF, an add-checkpoint request body\n"
"('-' reads standard input), is the log of the checkpoint that you kept with\n"
"nothing but leaves added at its end.\n"
"\n"
TRUST_USAGE
"  --old FILE     the checkpoint that you kept\n"
"  --json         print a JSON object\n"
"  --help         print this and exit\n"
"  --version      print the version and exit\n"
"\n"
"Exit status: 0 the log only grew, 1 it did not, 2 could not check.\n";

typedef struct Growth
{
	Trust		trust;
	bool		json;
	const char *old_file;
	const char *file;
	cc_checkpoint old;
	cc_checkpoint now;
	cc_tlog_proof proof;
} Growth;

static void
take_options(Growth *g, int argc, char **argv)
{
	static const struct option options[] = {
		TRUST_OPTIONS,
		{"old", required_argument, NULL, 'o'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0}
	};
	int			option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
	{
		if (option == 'o')
			g->old_file = optarg;
		else if (option == 'j')
			g->json = true;
		else
			trust_option(&g->trust, option, usage_text);
	}
	if (optind != argc - 1)
		cannot("name one proof; try --help");
	if (g->old_file == NULL)
		cannot("give the checkpoint that you kept with --old");
	trust_needed(&g->trust);
	g->file = argv[optind];
}

static void
load_proof(Growth *g, const char *text, size_t len)
{
	cc_status	status;

	if (len > 1 && text[len - 1] == '\n' && text[len - 2] == '\n')
		len--;					/* psql ends what it prints with a LF */
	status = cc_add_checkpoint_parse(&g->proof, text, len);
	if (status == CC_OK)
		status = cc_checkpoint_parse(&g->now, (const char *) g->proof.note.data, g->proof.note.len);
	if (status != CC_OK)
		cannot("\"%s\" is not a consistency proof: %s", g->file, cc_status_text(status));
	status = note_check(&g->trust, &g->now);
	if (status != CC_OK)
		cannot("\"%s\": %s: %s", g->file, note_problem(status), cc_status_text(status));
	if (g->proof.number != g->old.size)
		cannot("\"%s\" begins at size %" PRIu64 ", the checkpoint that you kept is of size %" PRIu64,
			   g->file, g->proof.number, g->old.size);
}

static void
print_json(const Growth *g, cc_status status)
{
	printf("{\"consistent\": %s, \"old_origin\": ", status == CC_OK ? "true" : "false");
	show_json_string(g->old.origin);
	printf(", \"old_size\": %" PRIu64 ", \"origin\": ", g->old.size);
	show_json_string(g->now.origin);
	printf(", \"tree_size\": %" PRIu64 ", \"problem\": ", g->now.size);
	if (status == CC_OK)
		fputs("null", stdout);
	else
		show_json_string(cc_status_text(status));
	fputs("}\n", stdout);
}

int
consistency_main(int argc, char **argv)
{
	static Growth g;
	char	   *text = NULL;
	size_t		capacity = 0;
	size_t		len;
	cc_status	status;

	take_options(&g, argc, argv);
	load_checkpoint(&g.trust, &g.old, g.old_file);
	len = read_whole(g.file, &text, &capacity);
	load_proof(&g, text, len);
	status = cc_add_checkpoint_check(&g.proof, &g.now, g.old.root);
	if (g.json)
		print_json(&g, status);
	else if (status == CC_OK)
		printf("consistent: %s of size %" PRIu64 " only grew, to size %" PRIu64 " of %s\n",
			   g.old.origin, g.old.size, g.now.size, g.now.origin);
	else
		printf("NOT consistent: size %" PRIu64 " of %s is not shown to hold size %" PRIu64 " of %s: %s\n",
			   g.now.size, g.now.origin, g.old.size, g.old.origin, cc_status_text(status));
	finish_output();
	free(text);
	trust_free(&g.trust);
	return status == CC_OK ? EXIT_VERIFIED : EXIT_FINDINGS;
}
