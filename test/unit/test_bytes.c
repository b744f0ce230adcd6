/*
 * test_bytes.c
 *	  Reader, writer, varints, base64 and decimals accept one form only.
 */
#include "core/bytes.h"

#include "octets.h"
#include "tap.h"

static cc_status
read_varint(const char *hex, uint64_t *v)
{
	uint8_t		bytes[32];
	size_t		len = unhex(bytes, sizeof(bytes), hex);
	uint8_t    *in = exact_copy(bytes, len);
	cc_reader	r;
	cc_status	status;

	cc_reader_init(&r, in, len);
	*v = cc_read_varint(&r);
	status = cc_reader_end(&r);
	free(in);
	return status;
}

static bool
varint_is(uint64_t v, const char *hex)
{
	uint8_t		out[CC_VARINT_MAX];
	uint64_t	back;
	cc_writer	w;

	cc_writer_init(&w, out, sizeof(out));
	cc_write_varint(&w, v);
	return w.status == CC_OK && is_hex(out, w.len, hex) &&
		cc_varint_size(v) == w.len &&
		read_varint(hex, &back) == CC_OK && back == v;
}

static void
test_varint(void)
{
	uint64_t	v;

	ok(varint_is(0, "00"), "varint 0");
	ok(varint_is(127, "7f"), "varint 127");
	ok(varint_is(128, "8001"), "varint 128");
	ok(varint_is(300, "ac02"), "varint 300");
	ok(varint_is(INT64_MAX, "ffffffffffffffff7f"), "varint 2^63 - 1");
	ok(varint_is(UINT64_MAX, "ffffffffffffffffff01"), "varint 2^64 - 1");
	ok(read_varint("8000", &v) == CC_E_FORM, "0 in two bytes is refused");
	ok(read_varint("ff00", &v) == CC_E_FORM, "127 in two bytes is refused");
	ok(read_varint("80808080808080808000", &v) == CC_E_FORM,
	   "0 in ten bytes is refused");
	ok(read_varint("ffffffffffffffffff02", &v) == CC_E_FORM,
	   "2^64 and more is refused");
	ok(read_varint("ffffffffffffffffff8001", &v) == CC_E_FORM,
	   "eleven bytes are refused");
	ok(read_varint("ff", &v) == CC_E_TRUNCATED, "half a varint is refused");
	ok(read_varint("", &v) == CC_E_TRUNCATED, "no varint is refused");
	ok(read_varint("0000", &v) == CC_E_TRAILING, "a byte more is refused");
}

static void
test_reader(void)
{
	static const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8};
	cc_reader	r;

	cc_reader_init(&r, in, sizeof(in));
	ok(cc_read_u8(&r) == 1 && cc_read_u16(&r) == 0x0203 &&
	   cc_read_u32(&r) == 0x04050607, "numbers are big-endian");
	ok(cc_reader_end(&r) == CC_E_TRAILING, "a byte left over is an error");
	ok(cc_read_u16(&r) == 0 && cc_reader_end(&r) == CC_E_TRUNCATED,
	   "reading past the end yields zero");
	ok(cc_read_u8(&r) == 0, "and the error stays");
	cc_reader_init(&r, in, sizeof(in));
	ok(cc_read_u64(&r) == UINT64_C(0x0102030405060708) &&
	   cc_reader_end(&r) == CC_OK, "eight bytes are a u64");
	cc_reader_init(&r, in, sizeof(in));
	ok(cc_read_raw(&r, SIZE_MAX).len == 0 &&
	   cc_reader_end(&r) == CC_E_TRUNCATED, "no length overflows");
	cc_reader_init(&r, NULL, 0);
	ok(cc_read_raw(&r, 0).len == 0 && cc_reader_end(&r) == CC_OK,
	   "no input is an empty input");
	cc_reader_fail(&r, CC_E_VALUE);
	cc_reader_fail(&r, CC_E_FORM);
	ok(cc_reader_end(&r) == CC_E_VALUE, "the first failure stays");
}

static void
test_length_beyond_input(void)
{
	static const uint8_t in[] = {
		0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 'x'
	};
	cc_reader	r;

	cc_reader_init(&r, in, sizeof(in));
	ok(cc_read_bytes(&r).len == 0 && cc_reader_end(&r) == CC_E_TRUNCATED,
	   "a length of 2^64 - 1 is refused");
}

static void
test_writer(void)
{
	uint8_t		out[4] = {9, 9, 9, 9};
	cc_writer	w;

	cc_writer_init(&w, out, 3);
	cc_write_u16(&w, 0x0102);
	cc_write_u16(&w, 0x0304);
	cc_write_u8(&w, 5);
	ok(w.status == CC_E_SPACE && out[2] == 9 && out[3] == 9,
	   "after the first refusal nothing is written");
	cc_writer_init(&w, NULL, 0);
	cc_write_bytes(&w, "abc", 3);
	cc_write_u64(&w, 1);
	ok(w.status == CC_OK && w.len == 12, "without a buffer it counts");
	cc_writer_init(&w, out, 4);
	cc_write_bytes(&w, NULL, 0);
	ok(w.status == CC_OK && w.len == 1 && out[0] == 0,
	   "no bytes are one length byte");
}

static bool
base64_pair(const char *plain, const char *text)
{
	char		digits[32];
	uint8_t		back[32];
	size_t		len;
	size_t		n = strlen(plain);

	cc_base64_encode(digits, plain, n);
	if (CC_BASE64_SIZE(n) != strlen(text) ||
		memcmp(digits, text, strlen(text)) != 0)
		return false;
	return cc_base64_decode(back, sizeof(back), &len, text,
							strlen(text)) == CC_OK &&
		len == n && memcmp(back, plain, n) == 0;
}

static bool
base64_refused(const char *text)
{
	uint8_t		back[32];
	size_t		len;

	return cc_base64_decode(back, sizeof(back), &len, text,
							strlen(text)) == CC_E_FORM;
}

static void
test_base64(void)
{
	static const char *const plain[] = {"", "f", "fo", "foo", "foobar"};
	static const char *const text[] = {
		"", "Zg==", "Zm8=", "Zm9v", "Zm9vYmFy"
	};
	static const char *const refused[] = {
		"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "Zh==", "Zm9=", "Zg==Zg==",
		"Zm8=Zm9v", "Zm 8", "Zm8\n", "-_8=", "=Zm8", "Zm9v\n", "Zm9vYmFy=="
	};
	char		in_place[] = "Zm9vYmFy";
	size_t		len;
	size_t		i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		ok(base64_pair(plain[i], text[i]), "RFC 4648 vector '%s'", plain[i]);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		ok(base64_refused(refused[i]), "base64 vector %d is refused", (int) i);
	ok(cc_base64_decode(in_place, 6, &len, in_place, 8) == CC_OK &&
	   len == 6 && memcmp(in_place, "foobar", 6) == 0, "decoding in place");
	ok(cc_base64_decode(in_place, 5, &len, "Zm9vYmFy", 8) == CC_E_SPACE,
	   "a small buffer is refused");
	ok(cc_base64_decode(NULL, 0, &len, "Zm9vYg==", 8) == CC_OK && len == 4 &&
	   cc_base64_decode(NULL, 0, &len, "Zm9vYh==", 8) == CC_E_FORM &&
	   cc_base64_decode(NULL, 0, &len, "Zm9v=g==", 8) == CC_E_FORM,
	   "without one the text is looked at");
}

static bool
decimal_is(const char *text, cc_status want, uint64_t value)
{
	uint64_t	v = 0;
	char		back[CC_DECIMAL_MAX];

	if (cc_decimal_parse(&v, text, strlen(text)) != want)
		return false;
	if (want != CC_OK)
		return true;
	return v == value && cc_decimal_format(back, v) == strlen(text) &&
		memcmp(back, text, strlen(text)) == 0;
}

static void
test_decimal(void)
{
	char		out[CC_DECIMAL_MAX];

	ok(decimal_is("0", CC_OK, 0), "decimal 0");
	ok(decimal_is("9223372036854775807", CC_OK, INT64_MAX),
	   "decimal 2^63 - 1");
	ok(decimal_is("9223372036854775808", CC_E_VALUE, 0), "2^63 is refused");
	ok(decimal_is("18446744073709551616", CC_E_FORM, 0), "2^64 is refused");
	ok(decimal_is("", CC_E_FORM, 0), "no digits are refused");
	ok(decimal_is("00", CC_E_FORM, 0), "a leading zero is refused");
	ok(decimal_is("+1", CC_E_FORM, 0), "a plus sign is refused");
	ok(decimal_is("-0", CC_E_FORM, 0), "a minus sign is refused");
	ok(decimal_is(" 1", CC_E_FORM, 0), "a space is refused");
	ok(decimal_is("1\r", CC_E_FORM, 0), "a carriage return is refused");
	ok(cc_decimal_format(out, UINT64_MAX) == 20 &&
	   memcmp(out, "18446744073709551615", 20) == 0, "decimal 2^64 - 1");
}

int
main(void)
{
	test_varint();
	test_reader();
	test_length_beyond_input();
	test_writer();
	test_base64();
	test_decimal();
	return done_testing();
}
