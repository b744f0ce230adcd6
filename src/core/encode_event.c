/*
 * encode_event.c
 *	  Bodies of control events (doc/format.md section 4).
 */
#include "core/encode.h"

#include <string.h>

static void
write_text(cc_writer *w, cc_slice s)
{
	cc_write_bytes(w, s.data, s.len);
}

static void
read_root(cc_reader *r, uint8_t out[CC_DIGEST_SIZE])
{
	cc_slice	root = cc_read_raw(r, CC_DIGEST_SIZE);

	if (root.len == CC_DIGEST_SIZE)
		memcpy(out, root.data, CC_DIGEST_SIZE);
}

void
cc_write_key_event(cc_writer *w, const cc_key_event *e)
{
	cc_write_u32(w, e->epoch);
	write_text(w, e->verifier_key);
	cc_write_bytes(w, e->possession.data, e->possession.len);
}

cc_status
cc_key_event_decode(cc_key_event *e, cc_slice body)
{
	cc_reader	r;

	cc_reader_init(&r, body.data, body.len);
	e->epoch = cc_read_u32(&r);
	e->verifier_key = cc_read_bytes(&r);
	e->possession = cc_read_bytes(&r);
	return cc_reader_end(&r);
}

void
cc_write_witness_key_event(cc_writer *w, const cc_witness_key_event *e)
{
	cc_write_u32(w, e->incarnation);
	write_text(w, e->verifier_key);
}

cc_status
cc_witness_key_event_decode(cc_witness_key_event *e, cc_slice body)
{
	cc_reader	r;

	cc_reader_init(&r, body.data, body.len);
	e->incarnation = cc_read_u32(&r);
	e->verifier_key = cc_read_bytes(&r);
	return cc_reader_end(&r);
}

void
cc_write_protect_event(cc_writer *w, const cc_protect_event *e)
{
	write_text(w, e->schema);
	write_text(w, e->table);
	write_text(w, e->mode);
	write_text(w, e->subject);
	write_text(w, e->large_objects);
	cc_write_u64(w, e->baseline_rows);
}

cc_status
cc_protect_event_decode(cc_protect_event *e, cc_slice body)
{
	cc_reader	r;

	cc_reader_init(&r, body.data, body.len);
	e->schema = cc_read_bytes(&r);
	e->table = cc_read_bytes(&r);
	e->mode = cc_read_bytes(&r);
	e->subject = cc_read_bytes(&r);
	e->large_objects = cc_read_bytes(&r);
	e->baseline_rows = cc_read_u64(&r);
	return cc_reader_end(&r);
}

void
cc_write_unprotect_event(cc_writer *w, const cc_unprotect_event *e)
{
	write_text(w, e->schema);
	write_text(w, e->table);
	write_text(w, e->reason);
}

cc_status
cc_unprotect_event_decode(cc_unprotect_event *e, cc_slice body)
{
	cc_reader	r;

	cc_reader_init(&r, body.data, body.len);
	e->schema = cc_read_bytes(&r);
	e->table = cc_read_bytes(&r);
	e->reason = cc_read_bytes(&r);
	return cc_reader_end(&r);
}

void
cc_write_incarnation_event(cc_writer *w, const cc_incarnation_event *e)
{
	cc_write_u32(w, e->incarnation);
	write_text(w, e->origin);
	write_text(w, e->previous_origin);
	cc_write_u64(w, e->size);
	cc_write_raw(w, e->root, CC_DIGEST_SIZE);
	write_text(w, e->reason);
}

cc_status
cc_incarnation_event_decode(cc_incarnation_event *e, cc_slice body)
{
	cc_reader	r;

	cc_reader_init(&r, body.data, body.len);
	memset(e, 0, sizeof(*e));
	e->incarnation = cc_read_u32(&r);
	e->origin = cc_read_bytes(&r);
	e->previous_origin = cc_read_bytes(&r);
	e->size = cc_read_u64(&r);
	read_root(&r, e->root);
	e->reason = cc_read_bytes(&r);
	return cc_reader_end(&r);
}

void
cc_write_environment_event(cc_writer *w, const cc_environment_event *e)
{
	cc_write_u64(w, e->number);
	write_text(w, e->name);
	write_text(w, e->before);
	write_text(w, e->after);
}

cc_status
cc_environment_event_decode(cc_environment_event *e, cc_slice body)
{
	cc_reader	r;

	cc_reader_init(&r, body.data, body.len);
	e->number = cc_read_u64(&r);
	e->name = cc_read_bytes(&r);
	e->before = cc_read_bytes(&r);
	e->after = cc_read_bytes(&r);
	return cc_reader_end(&r);
}

void
cc_write_witness_event(cc_writer *w, const cc_witness_event *e)
{
	write_text(w, e->name);
	write_text(w, e->verifier_key);
	cc_write_u32(w, e->statement);
	cc_write_u8(w, e->trusted);
	write_text(w, e->reason);
}

cc_status
cc_witness_event_decode(cc_witness_event *e, cc_slice body)
{
	cc_reader	r;

	cc_reader_init(&r, body.data, body.len);
	e->name = cc_read_bytes(&r);
	e->verifier_key = cc_read_bytes(&r);
	e->statement = cc_read_u32(&r);
	e->trusted = cc_read_u8(&r);
	e->reason = cc_read_bytes(&r);
	if (e->trusted > 1)
		cc_reader_fail(&r, CC_E_VALUE);
	return cc_reader_end(&r);
}

void
cc_write_cosigned_event(cc_writer *w, const cc_cosigned_event *e)
{
	write_text(w, e->origin);
	cc_write_u64(w, e->size);
	cc_write_raw(w, e->root, CC_DIGEST_SIZE);
	cc_write_u64(w, e->time);
}

cc_status
cc_cosigned_event_decode(cc_cosigned_event *e, cc_slice body)
{
	cc_reader	r;

	cc_reader_init(&r, body.data, body.len);
	memset(e, 0, sizeof(*e));
	e->origin = cc_read_bytes(&r);
	e->size = cc_read_u64(&r);
	read_root(&r, e->root);
	e->time = cc_read_u64(&r);
	return cc_reader_end(&r);
}

void
cc_write_trusted_log_event(cc_writer *w, const cc_trusted_log_event *e)
{
	write_text(w, e->verifier_key);
	cc_write_u32(w, e->statement);
	cc_write_u8(w, e->trusted);
	write_text(w, e->reason);
}

cc_status
cc_trusted_log_event_decode(cc_trusted_log_event *e, cc_slice body)
{
	cc_reader	r;

	cc_reader_init(&r, body.data, body.len);
	e->verifier_key = cc_read_bytes(&r);
	e->statement = cc_read_u32(&r);
	e->trusted = cc_read_u8(&r);
	e->reason = cc_read_bytes(&r);
	if (e->trusted > 1)
		cc_reader_fail(&r, CC_E_VALUE);
	return cc_reader_end(&r);
}

cc_status
cc_count_body_decode(uint64_t *count, cc_slice body)
{
	cc_reader	r;

	cc_reader_init(&r, body.data, body.len);
	*count = cc_read_u64(&r);
	return cc_reader_end(&r);
}
