/*
 * signer.h
 *	  pg_custody_signer: what its files share.
 *
 * One folder per ledger below the signer's directory, named by the ledger's id
 * as the database's own key directory has them:
 *		epoch-000001.pem	private key of an epoch, unless a store holds it
 *		signed				the memory: what was signed last
 * One request after the other, so nobody else writes a folder meanwhile; a
 * lock on the directory keeps out a second program.
 */
#ifndef SIGNER_H
#define SIGNER_H

#include "core/request.h"
#include "core/sigmake.h"

#define FOLDER_SIZE 512
#define PATH_SIZE 1024

typedef struct Settings
{
	const char *directory;
	const char *socket;
	const char *const *allow;	/* users, NULL at the end */
	const char *key_uri;		/* NULL: keys are files */
	const char *make_key;		/* commands for keys in a store, or NULL */
	const char *destroy_key;
} Settings;

/* The answer to one request. */
typedef struct Answer
{
	char		text[CC_REPLY_MAX + 1];
	size_t		len;
} Answer;

/* One ledger while its request is served. */
typedef struct Ledger
{
	const Settings *settings;
	const char *id;
	char		folder[FOLDER_SIZE];
	cc_ring		ring;			/* keys and memory as found */
	char		memory[CC_MEMORY_MAX + 1];	/* text of ring.memory */
} Ledger;

/* main.c */
extern void say(const char *format,...) __attribute__((format(printf, 1, 2)));

/* answer.c */
extern void answer_begin(Answer *a, cc_writer *w);
/* Replace the answer by a refusal, which is logged; false always. */
extern bool answer_fail(Answer *a, cc_reply_kind kind, const char *format,...)
			__attribute__((format(printf, 3, 4)));

/* file.c: durable files of mode 0600.  False with errno. */
extern bool file_read(const char *path, char *data, size_t cap, size_t *len);
extern bool file_write(const char *path, const char *data, size_t len);
extern bool file_destroy(const char *path);
extern bool folder_make(const char *path);
extern bool folder_private(const char *path);

/* keys.c: keys of a ledger, in files or in a store */
/* NULL: there is none; *a is the answer when it cannot be told or used. */
extern bool key_load(const Ledger *l, uint32_t epoch, cc_signer **key, Answer *a);
extern bool key_make(const Ledger *l, uint32_t epoch, Answer *a);
/* Destroy those of epochs before. */
extern bool key_destroy_before(const Ledger *l, uint32_t epoch, Answer *a);

/* store.c: NULL when the store has no such key, or cannot be used. */
extern cc_signer *store_load(const char *uri);
/* What OpenSSL said when that was NULL. */
extern const char *store_reason(void);

/* serve.c */
extern void serve(const Settings *settings, const char *request, size_t len, Answer *a);

/* socket.c */
extern int	socket_listen(const char *path);
/* Serve the next caller in the queue, if there is one. */
extern void socket_serve(int listener, const Settings *settings);

#endif							/* SIGNER_H */
