/*
 * main.c
 *	  pg_custody_verify: pick the sub-command.
 */
#include <string.h>

#include "verify.h"

typedef struct Command
{
	const char *name;
	int			(*run) (int argc, char **argv);
} Command;

static const Command commands[] = {
	{"bundle", bundle_main},
	{"consistency", consistency_main},
	{"history", history_main},
	{"proof", proof_main},
	{"tiles", tiles_main},
};

static const char usage_text[] =
"Usage: pg_custody_verify COMMAND [OPTION]... FILE\n"
"\n"
"  bundle       a whole ledger, as custody.export() gives it\n"
"  consistency  that the log only grew since a checkpoint that you kept\n"
"  history      the life of a row, each version linked to the one before\n"
"  proof        rows or leaves of the log\n"
"  tiles        a C2SP tlog-tiles directory, as custody.export_tiles() writes it\n"
"\n"
"Each has a --help.  Exit status: 0 verified, 1 findings, 2 could not check.\n";

int
main(int argc, char **argv)
{
	size_t		i;

	if (argc < 2)
		cannot("name a command; try --help");
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
	{
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	if (strcmp(argv[1], "--help") == 0)
		print_and_exit(usage_text);
	if (strcmp(argv[1], "--version") == 0)
		print_and_exit("pg_custody_verify " PG_CUSTODY_VERSION "\n");
	cannot("\"%.100s\" is no command; try --help", argv[1]);
}
