/*
 * historyproof.h
 *	  The proof of the life of one row (doc/format.md section 9.4): parse,
 *	  check, and write.
 */
#ifndef CC_HISTORYPROOF_H
#define CC_HISTORYPROOF_H

#include "core/redacted.h"
#include "core/rowproof.h"

#define CC_HISTORY_HEADER "custody-history v1"

/* How a version is bound to what stands before it in the proof. */
typedef enum cc_history_link
{
	CC_LINK_NONE,				/* not part of the row's life: a schema version */
	CC_LINK_FIRST,				/* begins the proof, and overwrote nothing */
	CC_LINK_IN_FORCE,			/* was in force at the older checkpoint */
	CC_LINK_LINKED,				/* overwrote the version before it */
	CC_LINK_MOVED,				/* moved on by the delete before it */
	CC_LINK_NEW_LIFE,			/* inserted after the row was gone */
	CC_LINK_RECORDED_ANEW,		/* a baseline */
	CC_LINK_EMPTIED,			/* its table was emptied */
	CC_LINK_ERASED				/* values that would show it are withheld */
} cc_history_link;

/* One word or two. */
extern const char *cc_history_link_text(cc_history_link link);

/* One entry of the proof. */
typedef struct cc_history_item
{
	uint64_t	leaf_index;
	cc_slice	record_bytes;
	cc_slice	leaf_path;		/* joined hashes */
	uint64_t	entry_no;
	cc_slice	path;			/* joined hashes */
	cc_slice	committed;
	bool		is_version;		/* with values; else the next two are unset */
	uint32_t	schema;			/* number of its definition */
	cc_slice	private_part;
	/* set by check */
	cc_history_link link;
} cc_history_item;

/*
 * A parsed proof.  Slices point into the caller's text, which parsing
 * overwrites.  The arrays are the caller's; cc_history_measure says how much
 * room they need.
 */
typedef struct cc_history
{
	cc_slice   *schemas;		/* definitions */
	size_t		nschemas;
	size_t		schema_capacity;
	cc_history_item *items;
	size_t		nitems;
	size_t		item_capacity;
	/* the older checkpoint and the growth since, if there is one */
	bool		has_old;
	cc_slice	old_note;
	cc_slice	growth;			/* joined hashes */
	cc_checkpoint old;
	/* the checkpoint all of it is in the log of */
	cc_slice	note;
	cc_checkpoint checkpoint;
} cc_history;

/* One entry, decoded. */
typedef struct cc_history_version
{
	cc_entry	entry;
	cc_record	record;
	/* of a version */
	cc_schema	schema;
	cc_redacted shown;
	uint16_t	positions[CC_MAX_COLUMNS];
	cc_column	definitions[CC_MAX_COLUMNS];
	cc_value	key[CC_MAX_COLUMNS];
	cc_value	old_key[CC_MAX_COLUMNS];
	cc_proof_column columns[CC_MAX_COLUMNS];
} cc_history_version;

/* What checking and reading need; about a megabyte and a half. */
typedef struct cc_history_room
{
	cc_history_version versions[2];
	cc_history_version *last;	/* of the two, by cc_history_next */
	cc_schema	schemas[2];
	uint16_t	positions[2][CC_MAX_COLUMNS];
	cc_column	definitions[2][CC_MAX_COLUMNS];
	cc_value	values[2][CC_MAX_COLUMNS];
} cc_history_room;

/* At most so many definitions and entries are in the text. */
extern void cc_history_measure(const char *text, size_t len, size_t *nschemas,
							   size_t *nitems);
/* The lines.  The text need not be NUL-terminated. */
extern cc_status cc_history_parse(cc_history *h, char *text, size_t len) CC_CHECK_RESULT;
/* Decode an entry and hold its values against its commitments. */
extern cc_status cc_history_open(const cc_history *h, size_t at,
								 cc_history_version *v) CC_CHECK_RESULT;
/*
 * Read a proof that was checked: the next entry of the row's life, NULL at the
 * end.  *at begins as 0 and becomes the number after the entry's.  A long value
 * that is given by reference is taken from the version before.
 */
extern const cc_history_version *cc_history_next(const cc_history *h, size_t *at,
												 cc_history_room *room);
/*
 * All rules.  *step and *at say where it failed; the signatures come last, so
 * that CC_STEP_SIGNATURE says that everything else holds.
 */
extern cc_status cc_history_check(cc_history *h, cc_history_room *room,
								  const cc_vkey *keys, size_t nkeys,
								  cc_proof_step *step, size_t *at) CC_CHECK_RESULT;
/* What a checked proof does not show at an entry, in plain words; or NULL. */
extern const char *cc_history_gap(const cc_history *h, size_t at);
/*
 * Row digest of a version that is whole, as a row read before entry 'at' was
 * made: through the schema versions that the proof has between the two, or
 * directly.  False if it was not whole.
 */
extern bool cc_history_digest(uint8_t out[CC_DIGEST_SIZE], const cc_history *h,
							  cc_history_room *room,
							  const cc_history_version *before, size_t before_at,
							  const cc_history_version *v, size_t at, bool directly);
/* Write all but the checkpoint, which the caller appends. */
extern void cc_history_format(cc_writer *w, const cc_history *h);

#endif							/* CC_HISTORYPROOF_H */
