/*
 * verify.h
 *	  What the sub-commands of pg_custody_verify share.
 *
 * There are two reporters and they are never mixed: what is wrong with the
 * thing checked goes to standard output and is counted; cannot() says the
 * work could not be done and exits.  A key or checkpoint of the caller's that
 * cannot be used is of the second kind: it says nothing about the ledger.
 */
#ifndef VERIFY_H
#define VERIFY_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/encode.h"
#include "core/policy.h"
#include "core/redacted.h"

#ifndef PG_CUSTODY_VERSION
#define PG_CUSTODY_VERSION "unknown"
#endif

#define EXIT_VERIFIED 0
#define EXIT_FINDINGS 1
#define EXIT_CANNOT 2

/* Each is given its own name as argv[0]; returns the exit status. */
extern int	bundle_main(int argc, char **argv);
extern int	consistency_main(int argc, char **argv);
extern int	history_main(int argc, char **argv);
extern int	proof_main(int argc, char **argv);
extern int	tiles_main(int argc, char **argv);

/* report.c */

/* The work cannot be done: say so and exit. */
extern void cannot(const char *format,...)
			__attribute__((format(printf, 1, 2), noreturn));
/* Exits when there is no memory; free() what it returns. */
extern void *allocate(void *old, size_t count, size_t size);
/* A name from the ledger must not be able to draw on the terminal. */
extern void print_name(cc_slice s);
extern void print_and_exit(const char *text);
/* Worth knowing, but no finding: a line, or a JSON object. */
extern void print_notice(bool json, const char *format, va_list args)
			__attribute__((format(printf, 2, 0)));
/* How the line that ends a report begins. */
extern void print_verdict(uint64_t findings);
/* Exits if anything that was printed did not arrive. */
extern void finish_output(void);

/* show.c: text that cannot draw on a terminal */

/* Between double quotes, escaped; bytes that are not UTF-8 as \xHH. */
extern void show_text(cc_slice s);
/* An identifier: as it is if it is plain, else quoted. */
extern void show_name(cc_slice s);
/* The name of a file: as it is unless that is unsafe. */
extern void show_file(cc_slice s);
extern void show_value(const cc_value *v);
/* JSON strings; one that is not UTF-8 is an object {"hex": ...}. */
extern void show_json_text(cc_slice s);
extern void show_json_string(const char *text);
extern void show_json_value(const cc_value *v);
/* A number, or null unless it is given. */
extern void show_json_number(bool given, uint64_t number);
/* A JSON object's member name; bytes that are not UTF-8 as \\xHH. */
extern void show_json_name(cc_slice s);
/* schema.table in one JSON string, each as SQL has it. */
extern void show_json_table(cc_slice schema, cc_slice table);
/* Microseconds since 1970-01-01 as ISO 8601 in UTC. */
extern void show_time(int64_t micros);

/* row.c: text, or members of a JSON object */

extern void show_row_key(bool json, const cc_schema *s, const cc_value *key);
/* The columns that are open; as text after a colon. */
extern void show_row_values(bool json, const cc_schema *s, const cc_proof_column *columns);

/* input.c */

/* A file read line by line. */
typedef struct LineReader
{
	const char *name;
	FILE	   *file;
	char	   *buffer;
	size_t		capacity;
	size_t		start;			/* of the next line */
	size_t		scanned;		/* known to hold no LF before here */
	size_t		end;
	uint64_t	number;			/* of the line last returned */
} LineReader;

/* "-" reads standard input. */
extern void reader_open(LineReader *r, const char *name);
extern void reader_close(LineReader *r);
/* The next line without its LF, or NULL; valid until the next call. */
extern char *reader_line(LineReader *r, size_t *len);

/* Is this the first line, whatever ends it? */
extern bool begins_with_line(const char *text, size_t len, const char *line);
/*
 * A whole file into a buffer that grows and is used again, and has room for
 * more; its length.
 */
extern size_t read_whole(const char *name, char **buffer, size_t *capacity);

/* keys.c */

/* What the caller trusts. */
typedef struct Trust
{
	cc_vkey    *keys;			/* given, and of the policy's logs */
	size_t		nkeys;
	cc_policy  *policy;			/* NULL: witnesses are not asked for */
	char	   *policy_text;	/* that its names point into */
} Trust;

/* What trust_option() takes, for the table of options of a sub-command. */
#define TRUST_OPTIONS \
	{"key", required_argument, NULL, 'k'}, \
	{"keys", required_argument, NULL, 'K'}, \
	{"policy", required_argument, NULL, 'P'}, \
	{"help", no_argument, NULL, 'h'}, \
	{"version", no_argument, NULL, 'V'}
#define TRUST_USAGE \
	"  --key VKEY     trust this verifier key (name+id+key); may be repeated\n" \
	"  --keys FILE    trust the verifier keys in FILE, one a line\n" \
	"  --policy FILE  trust the logs of this tlog-policy, and ask for the witnesses\n" \
	"                 that it asks for\n"

extern void trust_key(Trust *t, const char *text, size_t len);
/* One a line; empty lines and those that begin with # are passed over. */
extern void trust_keys(Trust *t, const char *file);
/* Trust a key that a trusted one handed over to. */
extern void trust_follow(Trust *t, const cc_vkey *key);
/* Exits if there is none. */
extern void trust_needed(const Trust *t);
extern void trust_free(Trust *t);
/* Take one of TRUST_OPTIONS; anything else ends the program. */
extern void trust_option(Trust *t, int option, const char *usage);
/*
 * Do the trusted keys stand behind the note, and have the witnesses cosigned
 * it that the policy asks for?  See cc_checkpoint_signed(), cc_policy_quorum().
 */
extern cc_status note_check(const Trust *t, const cc_checkpoint *c) CC_CHECK_RESULT;
/* Of these two the second, for a note whose signature was checked. */
extern cc_status note_quorum(const Trust *t, const cc_checkpoint *c) CC_CHECK_RESULT;
/* In plain English what a note lacks of which these say so. */
extern const char *note_problem(cc_status status);
/* Exits unless a trusted key signed a checkpoint that the caller kept. */
extern void require_signed(const Trust *t, const cc_checkpoint *c, const char *file);
/* Read one, unchecked, into text to be freed; its length.  Exits if it is none. */
extern size_t read_checkpoint(cc_checkpoint *c, char **text, const char *file);
/*
 * A checkpoint that the caller kept, whatever mail and editors made of its
 * line ends; exits unless a trusted key signed it.  It needs no witness: the
 * caller is one.  Its slices are empty.
 */
extern void load_checkpoint(const Trust *t, cc_checkpoint *c, const char *file);

#endif							/* VERIFY_H */
