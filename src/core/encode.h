/*
 * encode.h
 *	  Canonical bytes of values, commitments, entries, schema definitions,
 *	  transaction records and block headers (doc/format.md sections 3 to 5).
 *
 * Encoders write into a cc_writer and cannot fail but for space; decoders
 * refuse any other than the canonical form and return views into the input.
 */
#ifndef CC_ENCODE_H
#define CC_ENCODE_H

#include "core/digest.h"

#define CC_LONG_VALUE 1024		/* longer values are committed by digest */
#define CC_MAX_COLUMNS 1664		/* more than a PostgreSQL table can have */
#define CC_NO_POSITION 0xFFFF

/* Salt numbers, section 3.3. */
#define CC_SALT_KEY 0
#define CC_SALT_OVERWRITTEN 1
#define CC_SALT_OLD_KEY 2
#define CC_SALT_COLUMN(p) (3u + (uint32_t) (p))

typedef enum cc_value_form
{
	CC_VALUE_NULL = 0,
	CC_VALUE_SHORT = 1,
	CC_VALUE_LONG = 2,			/* bytes at hand, and their digest */
	CC_VALUE_REFERENCE = 3		/* long, only length and digest at hand */
} cc_value_form;

/*
 * One column value.  'digest' is set for LONG and REFERENCE.  As value image
 * LONG and REFERENCE are the same.
 */
typedef struct cc_value
{
	cc_value_form form;
	const uint8_t *data;		/* not for NULL and REFERENCE */
	uint64_t	len;
	uint8_t		digest[CC_DIGEST_SIZE];
} cc_value;

/* Fill in a value from text bytes (NULL data = SQL NULL); hashes a long one. */
extern void cc_value_set(cc_value *v, const void *data, size_t len);
/* Same value image? */
extern bool cc_value_equal(const cc_value *a, const cc_value *b);

extern void cc_column_commitment(uint8_t out[CC_DIGEST_SIZE],
								 const uint8_t salt[CC_SALT_SIZE],
								 uint16_t position, const cc_value *v);
/* commitments: n times CC_DIGEST_SIZE bytes; schema: cc_schema.digest. */
extern void cc_row_commitment(uint8_t out[CC_DIGEST_SIZE],
							  const uint8_t schema[CC_DIGEST_SIZE],
							  const uint8_t *commitments, uint16_t n);
/* Row commitment of n values under a row secret: salts, columns, row. */
extern void cc_row_commit(uint8_t out[CC_DIGEST_SIZE],
						  const uint8_t schema[CC_DIGEST_SIZE],
						  cc_salter *salter,
						  const cc_value *values, uint16_t n);
/*
 * Key columns are values[positions[0..k-1]]; positions NULL means the whole
 * row, that is values[0..k-1].
 */
extern void cc_key_commit(uint8_t out[CC_DIGEST_SIZE],
						  const uint8_t schema[CC_DIGEST_SIZE],
						  const uint8_t salt[CC_SALT_SIZE],
						  const cc_value *values,
						  const uint16_t *positions, uint16_t k);
extern int64_t cc_lookup_key(uint32_t relation, const cc_value *values,
							 const uint16_t *positions, uint16_t k);
/* Full 32-byte digest whose first 8 bytes cc_lookup_key returns. */
extern void cc_key_digest(uint8_t out[CC_DIGEST_SIZE], uint32_t relation,
						  const cc_value *values,
						  const uint16_t *positions, uint16_t k);
extern int64_t cc_lookup_subject(const cc_value *v);
extern void cc_row_digest(uint8_t out[CC_DIGEST_SIZE],
						  const cc_value *values, uint16_t n);
extern void cc_overwritten_commitment(uint8_t out[CC_DIGEST_SIZE],
									  const uint8_t salt[CC_SALT_SIZE],
									  const uint8_t row_digest[CC_DIGEST_SIZE]);

/* Stored value, section 4.1. */
extern void cc_write_value(cc_writer *w, const cc_value *v);
/* Views into the input; a long value's digest is computed. */
extern void cc_read_value(cc_reader *r, cc_value *v);

/* Entries, section 4. */
typedef enum cc_kind
{
	CC_KIND_BASELINE = 0x01,
	CC_KIND_INSERT = 0x02,
	CC_KIND_UPDATE = 0x03,
	CC_KIND_DELETE = 0x04,
	CC_KIND_TRUNCATE = 0x05,
	CC_KIND_PROTECT = 0x10,
	CC_KIND_UNPROTECT = 0x11,
	CC_KIND_SCHEMA = 0x12,
	CC_KIND_KEY = 0x13,
	CC_KIND_ERASURE = 0x14,
	CC_KIND_DISCLOSURE = 0x15,
	CC_KIND_INCARNATION = 0x16,
	CC_KIND_ENVIRONMENT = 0x17,
	CC_KIND_DETACH = 0x18,
	CC_KIND_WITNESS = 0x19,
	CC_KIND_COSIGNED = 0x1A,
	CC_KIND_TRUSTED_LOG = 0x1B,
	CC_KIND_WITNESS_KEY = 0x1C
} cc_kind;

#define CC_ENTRY_KEY_CHANGED 0x01
#define CC_ENTRY_MOVED 0x02

#define CC_PRIVATE_ERASED 0
#define CC_PRIVATE_WHOLE 1
#define CC_PRIVATE_REDACTED 2

/* Largest committed part of a row-level entry. */
#define CC_ROW_ENTRY_MAX (10 + 4 * CC_DIGEST_SIZE)

typedef struct cc_entry
{
	cc_kind		kind;
	uint8_t		flags;
	uint32_t	relation;
	uint32_t	version;
	/* Row-level kinds: which ones are present follows from kind and flags. */
	uint8_t		key[CC_DIGEST_SIZE];
	uint8_t		row[CC_DIGEST_SIZE];
	uint8_t		overwritten[CC_DIGEST_SIZE];
	uint8_t		old_key[CC_DIGEST_SIZE];
	/* Other kinds: the body, undecoded. */
	cc_slice	body;
} cc_entry;

extern bool cc_kind_is_row(cc_kind kind);	/* baseline .. delete */
extern bool cc_kind_has_row(cc_kind kind);	/* baseline, insert, update */
extern bool cc_kind_has_overwritten(cc_kind kind);	/* update, delete */
/* Lower-case name as in section 4 ("insert"); never NULL. */
extern const char *cc_kind_name(cc_kind kind);
/* Is kind listed, and are flags and numbers what it may have? */
extern bool cc_entry_head_valid(const cc_entry *e);
extern void cc_write_entry(cc_writer *w, const cc_entry *e);
extern cc_status cc_entry_decode(cc_entry *e, const void *data, size_t len) CC_CHECK_RESULT;

/* Schema definition, section 4.2. */
#define CC_KEY_COLUMNS 1
#define CC_KEY_WHOLE_ROW 2
#define CC_COLUMN_GENERATED 0x01
#define CC_COLUMN_HAS_MISSING 0x02

typedef struct cc_column
{
	cc_slice	name;
	cc_slice	type;
	uint8_t		flags;
	cc_value	missing;
} cc_column;

typedef struct cc_schema
{
	cc_slice	schema;
	cc_slice	table;
	cc_slice	leaf_schema;
	cc_slice	leaf_table;
	cc_slice	encoding;
	uint8_t		digest[CC_DIGEST_SIZE]; /* of the definition; set by decode */
	uint8_t		key_kind;
	uint16_t	nkeys;			/* as stored: 0 for the whole row */
	uint16_t	subject;
	uint16_t	ncolumns;
	/* Caller-provided arrays; capacities in elements. */
	uint16_t   *key_positions;
	size_t		key_capacity;
	cc_column  *columns;
	size_t		column_capacity;
} cc_schema;

extern void cc_write_schema(cc_writer *w, const cc_schema *s);
/* Schema digest, section 3.4, of the bytes of a definition. */
extern void cc_schema_digest(uint8_t out[CC_DIGEST_SIZE], const void *data,
							 size_t len);
/* The caller sets the arrays and capacities of *s first. */
extern cc_status cc_schema_decode(cc_schema *s, const void *data, size_t len) CC_CHECK_RESULT;
/* Number of key columns: nkeys, or ncolumns for the whole row. */
extern uint16_t cc_schema_key_count(const cc_schema *s);
/* Positions for cc_key_commit: key_positions, or NULL for the whole row. */
extern const uint16_t *cc_schema_key_positions(const cc_schema *s);

/*
 * Opened private part of a row-level entry.  Of a redacted one only the form
 * is kept; its bytes have been checked to be canonical.
 */
typedef struct cc_private
{
	uint8_t		form;
	uint8_t		secret[CC_SECRET_SIZE];
	uint16_t	nvalues;
	uint16_t	nold_key;
	/* Of the row actually overwritten; update and delete. */
	uint8_t		row_digest[CC_DIGEST_SIZE];
	/* Caller-provided arrays with room for values_capacity elements each. */
	cc_value   *values;			/* columns, or key columns for delete */
	cc_value   *old_key;
	size_t		values_capacity;
} cc_private;

/* How many values the private part of e holds under s. */
extern uint16_t cc_private_value_count(const cc_entry *e, const cc_schema *s);
/* After a failure p reads erased and holds no value. */
extern cc_status cc_private_decode(cc_private *p, const cc_entry *e,
								   const cc_schema *s,
								   const void *data, size_t len) CC_CHECK_RESULT;
/* Make the commitments of e, section 3.4, from its whole private part. */
extern cc_status cc_entry_commit(cc_entry *e, const cc_schema *s,
								 const cc_private *p,
								 cc_salter *salter) CC_CHECK_RESULT;
/* Lookup numbers of the entry, section 3.5; at most 3; returns how many. */
extern int cc_private_lookups(int64_t out[3], const cc_entry *e,
							  const cc_schema *s, const cc_private *p);

/* Transaction record, section 5.1. */
#define CC_LEAF_TRANSACTION 0x01
#define CC_LEAF_BLOCK 0x02

typedef enum cc_record_tag
{
	CC_RECORD_INCARNATION = 1,
	CC_RECORD_NUMBER = 2,
	CC_RECORD_COMMIT_NUMBER = 3,
	CC_RECORD_XID = 4,
	CC_RECORD_START_TIME = 5,
	CC_RECORD_COMMIT_TIME = 6,
	CC_RECORD_SESSION_USER = 7,
	CC_RECORD_OUTER_USER = 8,
	CC_RECORD_CURRENT_USERS = 9,
	CC_RECORD_IDENTITY = 10,
	CC_RECORD_CLIENT_ADDRESS = 11,
	CC_RECORD_APPLICATION = 12,
	CC_RECORD_ORIGIN = 13,
	CC_RECORD_ENTRY_COUNT = 14,
	CC_RECORD_ROOT = 15,
	CC_RECORD_ACTOR = 16,
	CC_RECORD_REASON = 17,
	CC_RECORD_PURPOSE = 18,
	CC_RECORD_EXTRA = 19
} cc_record_tag;

typedef struct cc_record
{
	uint32_t	incarnation;
	uint64_t	number;
	uint64_t	commit_number;
	uint64_t	xid;
	int64_t		start_time;
	int64_t		commit_time;
	cc_slice	session_user;
	cc_slice	outer_user;
	cc_slice	current_users;
	/* Optional fields: len 0 = absent. */
	cc_slice	identity;
	cc_slice	client_address;
	cc_slice	application;
	cc_slice	replication_origin;
	uint64_t	entry_count;
	uint8_t		root[CC_DIGEST_SIZE];
	cc_slice	actor;
	cc_slice	reason;
	cc_slice	purpose;
	cc_slice	extra;
} cc_record;

extern void cc_write_record(cc_writer *w, const cc_record *r);
extern cc_status cc_record_decode(cc_record *r, const void *data, size_t len) CC_CHECK_RESULT;
/*
 * A record is open until it is sealed: it has no root yet.  cc_record_seal
 * writes an open one with the root in its place.
 */
extern void cc_write_record_open(cc_writer *w, const cc_record *r);
extern cc_status cc_record_decode_open(cc_record *r, const void *data, size_t len) CC_CHECK_RESULT;
extern cc_status cc_record_seal(cc_writer *w, const void *data, size_t len,
								const uint8_t root[CC_DIGEST_SIZE]) CC_CHECK_RESULT;

/* Block header, section 5.2. */
typedef struct cc_block
{
	uint64_t	number;
	uint64_t	first_leaf;
	uint32_t	leaves;
	uint32_t	epoch;
	uint32_t	incarnation;
	int64_t		time;
	uint8_t		previous[CC_DIGEST_SIZE];
	uint8_t		environment[CC_DIGEST_SIZE];
	cc_slice	origin;
	cc_slice	snapshot;
	bool		has_state;
	uint8_t		state[CC_DIGEST_SIZE];
} cc_block;

extern void cc_write_block(cc_writer *w, const cc_block *b);
extern cc_status cc_block_decode(cc_block *b, const void *data, size_t len) CC_CHECK_RESULT;

/* Bodies of control events. */
typedef struct cc_key_event
{
	uint32_t	epoch;
	cc_slice	verifier_key;
	cc_slice	possession;		/* signature by the key, see keyevent.h */
} cc_key_event;

typedef struct cc_witness_key_event
{
	uint32_t	incarnation;
	cc_slice	verifier_key;
} cc_witness_key_event;

typedef struct cc_protect_event
{
	cc_slice	schema;
	cc_slice	table;
	cc_slice	mode;
	cc_slice	subject;
	cc_slice	large_objects;
	uint64_t	baseline_rows;
} cc_protect_event;

typedef struct cc_unprotect_event
{
	cc_slice	schema;
	cc_slice	table;
	cc_slice	reason;
} cc_unprotect_event;

typedef struct cc_incarnation_event
{
	uint32_t	incarnation;
	cc_slice	origin;
	cc_slice	previous_origin;
	uint64_t	size;
	uint8_t		root[CC_DIGEST_SIZE];
	cc_slice	reason;
} cc_incarnation_event;

/* Whose cosignatures of this log's checkpoints count. */
typedef struct cc_witness_event
{
	cc_slice	name;			/* ours for it */
	cc_slice	verifier_key;
	uint32_t	statement;		/* about this name, from 1 */
	uint8_t		trusted;		/* 0: not any longer */
	cc_slice	reason;			/* why not, else empty */
} cc_witness_event;

/* A checkpoint of another log that this database cosigned. */
typedef struct cc_cosigned_event
{
	cc_slice	origin;
	uint64_t	size;
	uint8_t		root[CC_DIGEST_SIZE];
	uint64_t	time;			/* seconds, as in the cosignature */
} cc_cosigned_event;

typedef struct cc_trusted_log_event
{
	cc_slice	verifier_key;
	uint32_t	statement;		/* about this key, from 1 */
	uint8_t		trusted;		/* 0: not any longer */
	cc_slice	reason;			/* why not, else empty */
} cc_trusted_log_event;

/* An item of the environment changed; an empty text stands for no item. */
typedef struct cc_environment_event
{
	uint64_t	number;
	cc_slice	name;
	cc_slice	before;
	cc_slice	after;
} cc_environment_event;

/* Each writes the body of a control event (what follows the version). */
extern void cc_write_key_event(cc_writer *w, const cc_key_event *e);
extern cc_status cc_key_event_decode(cc_key_event *e, cc_slice body) CC_CHECK_RESULT;
extern void cc_write_witness_key_event(cc_writer *w, const cc_witness_key_event *e);
extern cc_status cc_witness_key_event_decode(cc_witness_key_event *e, cc_slice body) CC_CHECK_RESULT;
extern void cc_write_protect_event(cc_writer *w, const cc_protect_event *e);
extern cc_status cc_protect_event_decode(cc_protect_event *e, cc_slice body) CC_CHECK_RESULT;
extern void cc_write_unprotect_event(cc_writer *w, const cc_unprotect_event *e);
extern cc_status cc_unprotect_event_decode(cc_unprotect_event *e, cc_slice body) CC_CHECK_RESULT;
extern void cc_write_incarnation_event(cc_writer *w, const cc_incarnation_event *e);
extern cc_status cc_incarnation_event_decode(cc_incarnation_event *e, cc_slice body) CC_CHECK_RESULT;
extern void cc_write_witness_event(cc_writer *w, const cc_witness_event *e);
extern cc_status cc_witness_event_decode(cc_witness_event *e, cc_slice body) CC_CHECK_RESULT;
extern void cc_write_cosigned_event(cc_writer *w, const cc_cosigned_event *e);
extern cc_status cc_cosigned_event_decode(cc_cosigned_event *e, cc_slice body) CC_CHECK_RESULT;
extern void cc_write_trusted_log_event(cc_writer *w, const cc_trusted_log_event *e);
extern cc_status cc_trusted_log_event_decode(cc_trusted_log_event *e, cc_slice body) CC_CHECK_RESULT;
extern void cc_write_environment_event(cc_writer *w, const cc_environment_event *e);
extern cc_status cc_environment_event_decode(cc_environment_event *e, cc_slice body) CC_CHECK_RESULT;
/* Body of truncate and detach: one count. */
extern cc_status cc_count_body_decode(uint64_t *count, cc_slice body) CC_CHECK_RESULT;

#endif							/* CC_ENCODE_H */
