/*
 * main.c
 *	  pg_custody_verify: pick the sub-command.
 *
 * Without one it is "ledger".
 */
#include <string.h>

#include "verify.h"

typedef struct Command
{
	const char *name;
	int			(*run) (int argc, char **argv);
} Command;

static const Command commands[] = {
	{"consistency", consistency_main},
	{"ledger", ledger_main},
	{"proof", proof_main},
};

int
main(int argc, char **argv)
{
	size_t		i;

	for (i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
	{
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	return ledger_main(argc, argv);
}
