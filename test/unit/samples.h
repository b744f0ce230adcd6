/*
 * samples.h
 *	  One rich example of every encoded structure, for tests that spoil them
 *	  and as first inputs of the fuzzers.
 */
#ifndef SAMPLES_H
#define SAMPLES_H

#include "codecs.h"

typedef struct sample
{
	const char *name;
	codec		codec;
	uint8_t		data[4096];
	size_t		len;
} sample;

#define SAMPLES_MAX 40

typedef struct samples
{
	sample		items[SAMPLES_MAX];
	int			n;
	cc_writer	w;				/* into the sample being made */
} samples;

static inline cc_writer *
sample_begin(samples *s, const char *name, codec c)
{
	sample	   *it = &s->items[s->n++];

	if (s->n > SAMPLES_MAX)
		abort();
	it->name = name;
	it->codec = c;
	cc_writer_init(&s->w, it->data, sizeof(it->data));
	return &s->w;
}

static inline void
sample_end(samples *s)
{
	if (s->w.status != CC_OK)
		abort();
	s->items[s->n - 1].len = s->w.len;
}

static inline void
sample_entry(samples *s, const char *name, cc_kind kind, uint8_t flags,
			 const char *body)
{
	cc_entry	e;

	memset(&e, 0, sizeof(e));
	e.kind = kind;
	e.flags = flags;
	if (kind < CC_KIND_ENVIRONMENT)
	{
		e.relation = 0x01020304;
		e.version = 5;
	}
	memset(e.key, 'k', CC_DIGEST_SIZE);
	memset(e.row, 'r', CC_DIGEST_SIZE);
	memset(e.overwritten, 'o', CC_DIGEST_SIZE);
	memset(e.old_key, 'q', CC_DIGEST_SIZE);
	e.body = text_slice(body);
	cc_write_entry(sample_begin(s, name, entry_codec), &e);
	sample_end(s);
}

static inline void
sample_entries(samples *s)
{
	sample_entry(s, "baseline", CC_KIND_BASELINE, 0, "");
	sample_entry(s, "insert", CC_KIND_INSERT, CC_ENTRY_MOVED, "");
	sample_entry(s, "update", CC_KIND_UPDATE, 0, "");
	sample_entry(s, "update of a key", CC_KIND_UPDATE, CC_ENTRY_KEY_CHANGED,
				 "");
	sample_entry(s, "delete", CC_KIND_DELETE, 0, "");
	sample_entry(s, "truncate", CC_KIND_TRUNCATE, 0, "12345678");
	sample_entry(s, "environment", CC_KIND_ENVIRONMENT, 0, "12345678\1a\1b\1c");
	sample_entry(s, "trusted log", CC_KIND_TRUSTED_LOG, 0, "body");
}

static inline void
sample_schemas(samples *s)
{
	codec_table t;

	codec_table_init(&t);
	t.columns[1].flags = CC_COLUMN_GENERATED;
	cc_write_schema(sample_begin(s, "schema of key columns", schema_codec),
					&t.schema);
	sample_end(s);
	t.schema.key_kind = CC_KEY_WHOLE_ROW;
	t.schema.nkeys = 0;
	t.schema.subject = CC_NO_POSITION;
	cc_write_schema(sample_begin(s, "schema of whole rows", schema_codec),
					&t.schema);
	sample_end(s);
}

static inline void
sample_records(samples *s)
{
	cc_record	r;

	memset(&r, 0, sizeof(r));
	r.incarnation = 1;
	r.number = 2;
	r.commit_number = 3;
	r.xid = UINT64_C(1) << 33;
	r.start_time = -1;
	r.commit_time = INT64_C(1767225600000000);
	r.session_user = text_slice("ward");
	r.outer_user = text_slice("nurse");
	r.current_users = text_slice("nurse,owner");
	r.entry_count = 4;
	memset(r.root, 'R', CC_DIGEST_SIZE);
	cc_write_record(sample_begin(s, "shortest record", record_codec), &r);
	sample_end(s);
	r.identity = text_slice("scram-sha-256:ward");
	r.client_address = text_slice("192.0.2.1");
	r.application = text_slice("psql");
	r.replication_origin = text_slice("pg_1");
	r.actor = text_slice("Dr. M\xC3\xBCller");
	r.reason = text_slice("admission");
	r.purpose = text_slice("treatment");
	r.extra = text_slice("{}");
	cc_write_record(sample_begin(s, "fullest record", record_codec), &r);
	sample_end(s);
}

static inline void
sample_block(samples *s)
{
	cc_block	b;

	memset(&b, 0, sizeof(b));
	b.number = 7;
	b.first_leaf = 100;
	b.leaves = 3;
	b.epoch = 1;
	b.incarnation = 1;
	b.time = INT64_C(1767225600000000);
	memset(b.previous, 'p', CC_DIGEST_SIZE);
	memset(b.environment, 'e', CC_DIGEST_SIZE);
	b.origin = text_slice("hospital.example/custody");
	b.snapshot = text_slice("710:712:710");
	cc_write_block(sample_begin(s, "block header", block_codec), &b);
	sample_end(s);
	b.has_state = true;
	memset(b.state, 's', CC_DIGEST_SIZE);
	cc_write_block(sample_begin(s, "block header with a state", block_codec), &b);
	sample_end(s);
}

static inline void
sample_events(samples *s)
{
	cc_key_event key = {1, {NULL, 0}, {NULL, 0}};
	cc_witness_key_event witness_key = {1, {NULL, 0}};
	cc_protect_event protect;
	cc_unprotect_event unprotect;
	cc_incarnation_event incarnation;
	cc_cosigned_event cosigned;
	cc_trusted_log_event trusted;
	cc_witness_event witness;
	cc_environment_event environment;

	key.verifier_key = text_slice("a+00000000+AAAA");
	key.possession = text_slice("signature");
	cc_write_key_event(sample_begin(s, "key body", key_event_codec), &key);
	sample_end(s);
	witness_key.verifier_key = key.verifier_key;
	cc_write_witness_key_event(sample_begin(s, "witness key body", witness_key_event_codec), &witness_key);
	sample_end(s);
	protect.schema = unprotect.schema = text_slice("public");
	protect.table = unprotect.table = text_slice("visit");
	protect.mode = text_slice("append");
	protect.subject = text_slice("");
	protect.large_objects = text_slice("picture,scan");
	protect.baseline_rows = 9;
	cc_write_protect_event(sample_begin(s, "protect body",
										protect_event_codec), &protect);
	sample_end(s);
	unprotect.reason = text_slice("moved");
	cc_write_unprotect_event(sample_begin(s, "unprotect body",
										  unprotect_event_codec), &unprotect);
	sample_end(s);
	incarnation.incarnation = 2;
	incarnation.origin = text_slice("hospital.example/custody/2");
	incarnation.previous_origin = text_slice("hospital.example/custody");
	incarnation.size = 100;
	memset(incarnation.root, 'R', CC_DIGEST_SIZE);
	incarnation.reason = text_slice("restored");
	cc_write_incarnation_event(sample_begin(s, "incarnation body",
											incarnation_event_codec),
							   &incarnation);
	sample_end(s);
	cosigned.origin = text_slice("other.example/custody");
	cosigned.size = 100;
	memset(cosigned.root, 'R', CC_DIGEST_SIZE);
	cosigned.time = 1700000000;
	cc_write_cosigned_event(sample_begin(s, "cosigned body",
										 cosigned_event_codec), &cosigned);
	sample_end(s);
	trusted.verifier_key = key.verifier_key;
	trusted.statement = 2;
	trusted.trusted = 0;
	trusted.reason = text_slice("retired");
	cc_write_trusted_log_event(sample_begin(s, "trusted log body",
											trusted_log_event_codec),
							   &trusted);
	sample_end(s);
	witness.name = text_slice("regulator");
	witness.verifier_key = key.verifier_key;
	witness.statement = 2;
	witness.trusted = 0;
	witness.reason = text_slice("key lost");
	cc_write_witness_event(sample_begin(s, "witness body",
										witness_event_codec), &witness);
	sample_end(s);
	environment.number = 7;
	environment.name = text_slice("table public.patient");
	environment.before = text_slice("");
	environment.after = text_slice("owner clinic");
	cc_write_environment_event(sample_begin(s, "environment body",
											environment_event_codec),
							   &environment);
	sample_end(s);
	cc_write_u64(sample_begin(s, "count body", count_body_codec), 12);
	sample_end(s);
}

static inline void
sample_values(samples *s)
{
	static uint8_t text[1025];
	cc_value	v;

	memset(text, 'x', sizeof(text));
	memset(&v, 0, sizeof(v));
	cc_value_set(&v, NULL, 0);
	cc_write_value(sample_begin(s, "NULL", value_codec), &v);
	sample_end(s);
	cc_value_set(&v, "", 0);
	cc_write_value(sample_begin(s, "empty value", value_codec), &v);
	sample_end(s);
	cc_value_set(&v, text, 126);
	cc_write_value(sample_begin(s, "value of 126 bytes", value_codec), &v);
	sample_end(s);
	cc_value_set(&v, text, 1025);
	cc_write_value(sample_begin(s, "long value", value_codec), &v);
	sample_end(s);
	v.form = CC_VALUE_REFERENCE;
	cc_write_value(sample_begin(s, "reference", value_codec), &v);
	sample_end(s);
}

static inline void
write_texts(cc_writer *w, int n)
{
	cc_value	v;

	while (n-- > 0)
	{
		cc_value_set(&v, n == 1 ? NULL : "abc", n == 1 ? 0 : 3);
		cc_write_value(w, &v);
	}
}

/* One withheld item and one open one of each kind. */
static inline void
sample_redacted(samples *s)
{
	uint8_t		bytes[CC_DIGEST_SIZE] = {1, 2, 3};
	cc_writer  *w = sample_begin(s, "redacted update", private_codec);

	cc_write_u8(w, CC_KIND_UPDATE);
	cc_write_u8(w, CC_ENTRY_KEY_CHANGED);
	cc_write_u8(w, CC_PRIVATE_REDACTED);
	cc_write_u8(w, 1);			/* key */
	cc_write_raw(w, bytes, CC_SALT_SIZE);
	write_texts(w, CODEC_KEYS);
	cc_write_u8(w, 1);			/* overwritten */
	cc_write_raw(w, bytes, CC_SALT_SIZE);
	cc_write_raw(w, bytes, CC_DIGEST_SIZE);
	cc_write_u8(w, 0);			/* old key */
	cc_write_u8(w, 0);			/* columns */
	cc_write_raw(w, bytes, CC_DIGEST_SIZE);
	cc_write_u8(w, 1);
	cc_write_raw(w, bytes, CC_SALT_SIZE);
	write_texts(w, 1);
	cc_write_u8(w, 0);
	cc_write_raw(w, bytes, CC_DIGEST_SIZE);
	sample_end(s);
}

static inline void
sample_private(samples *s, const char *name, cc_kind kind, uint8_t flags,
			   int values)
{
	uint8_t		secret[CC_SECRET_SIZE] = {7};
	uint8_t		digest[CC_DIGEST_SIZE] = {8};
	cc_writer  *w = sample_begin(s, name, private_codec);

	cc_write_u8(w, (uint8_t) kind);
	cc_write_u8(w, flags);
	if (values == 0)
		cc_write_u8(w, CC_PRIVATE_ERASED);
	else
	{
		cc_write_u8(w, CC_PRIVATE_WHOLE);
		cc_write_raw(w, secret, sizeof(secret));
		write_texts(w, values);
		if (cc_kind_has_overwritten(kind))
			cc_write_raw(w, digest, sizeof(digest));
	}
	sample_end(s);
}

static inline void
samples_make(samples *s)
{
	s->n = 0;
	sample_entries(s);
	sample_schemas(s);
	sample_records(s);
	sample_block(s);
	sample_events(s);
	sample_values(s);
	sample_private(s, "erased insert", CC_KIND_INSERT, 0, 0);
	sample_private(s, "whole insert", CC_KIND_INSERT, 0, CODEC_COLUMNS);
	sample_private(s, "whole delete", CC_KIND_DELETE, 0, CODEC_KEYS);
	sample_private(s, "whole update", CC_KIND_UPDATE, CC_ENTRY_KEY_CHANGED,
				   CODEC_COLUMNS + CODEC_KEYS);
	sample_redacted(s);
}

#endif							/* SAMPLES_H */
