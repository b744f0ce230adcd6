/*
 * typetext.c
 *	  Text of the most frequent types without their output functions.
 *
 * An output function allocates, formats piece by piece and measures its result
 * again: for a timestamp that costs several times as much as writing its
 * digits.  sql/rendering.sql compares both ways over the range of each type.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "pg/typetext.h"

/* The longest are 5874897-12-31 and 4713-11-24 00:00:00.000001+00 BC. */
#define DATE_ROOM 16
#define TIMESTAMP_ROOM 36

static char *
write_bool(char *out, Datum value)
{
	*out++ = DatumGetBool(value) ? 't' : 'f';
	return out;
}

static char *
write_int2(char *out, Datum value)
{
	return out + pg_itoa(DatumGetInt16(value), out);
}

static char *
write_int4(char *out, Datum value)
{
	return out + pg_ltoa(DatumGetInt32(value), out);
}

static char *
write_int8(char *out, Datum value)
{
	return out + pg_lltoa(DatumGetInt64(value), out);
}

static char *
write_float4(char *out, Datum value)
{
	return out + float_to_shortest_decimal_bufn(DatumGetFloat4(value), out);
}

static char *
write_float8(char *out, Datum value)
{
	return out + double_to_shortest_decimal_bufn(DatumGetFloat8(value), out);
}

static char *
write_uuid(char *out, Datum value)
{
	static const char digits[] = "0123456789abcdef";
	const pg_uuid_t *uuid = DatumGetUUIDP(value);

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = digits[uuid->data[i] >> 4];
		*out++ = digits[uuid->data[i] & 0x0F];
	}
	return out;
}

static char *
write_two(char *out, int number)
{
	*out++ = '0' + number / 10;
	*out++ = '0' + number % 10;
	return out;
}

/* Year, month and day of a Julian day; tells whether " BC" has to follow. */
static char *
write_day(char *out, int julian, bool *before_christ)
{
	int			year;
	int			month;
	int			day;

	j2date(julian, &year, &month, &day);
	*before_christ = year <= 0;
	if (year <= 0)
		year = 1 - year;
	if (year <= 9999)
		out = write_two(write_two(out, year / 100), year % 100);
	else
		out += pg_ltoa(year, out);
	*out++ = '-';
	out = write_two(out, month);
	*out++ = '-';
	return write_two(out, day);
}

static char *
write_era(char *out, bool before_christ)
{
	if (!before_christ)
		return out;
	memcpy(out, " BC", 3);
	return out + 3;
}

static char *
write_date(char *out, Datum value)
{
	DateADT		date = DatumGetDateADT(value);
	bool		before_christ;

	if (!IS_VALID_DATE(date))
		return NULL;
	out = write_day(out, date + POSTGRES_EPOCH_JDATE, &before_christ);
	return write_era(out, before_christ);
}

/* A decimal point and up to six digits; nothing for a whole second. */
static char *
write_fraction(char *out, int microseconds)
{
	int			digits = 6;

	if (microseconds == 0)
		return out;
	for (; microseconds % 10 == 0; microseconds /= 10)
		digits--;
	*out = '.';
	for (int i = digits; i > 0; i--, microseconds /= 10)
		out[i] = '0' + microseconds % 10;
	return out + 1 + digits;
}

static char *
write_moment(char *out, Timestamp moment, const char *zone, int zone_len)
{
	int64		day = moment / USECS_PER_DAY;
	int64		rest = moment % USECS_PER_DAY;
	int			seconds;
	bool		before_christ;

	if (!IS_VALID_TIMESTAMP(moment))
		return NULL;
	if (rest < 0)
	{
		rest += USECS_PER_DAY;
		day--;
	}
	seconds = (int) (rest / USECS_PER_SEC);
	out = write_day(out, (int) day + POSTGRES_EPOCH_JDATE, &before_christ);
	*out++ = ' ';
	out = write_two(out, seconds / SECS_PER_HOUR);
	*out++ = ':';
	out = write_two(out, seconds / SECS_PER_MINUTE % MINS_PER_HOUR);
	*out++ = ':';
	out = write_two(out, seconds % SECS_PER_MINUTE);
	out = write_fraction(out, (int) (rest % USECS_PER_SEC));
	memcpy(out, zone, zone_len);
	return write_era(out + zone_len, before_christ);
}

static char *
write_timestamp(char *out, Datum value)
{
	return write_moment(out, DatumGetTimestamp(value), "", 0);
}

static char *
write_timestamptz(char *out, Datum value)
{
	return write_moment(out, DatumGetTimestampTz(value), "+00", 3);
}

const CustodyTypeText *
custody_typetext_find(Oid type)
{
	/* The integer writers add a NUL. */
	static const CustodyTypeText texts[] = {
		{BOOLOID, 1, write_bool},
		{INT2OID, sizeof("-32768"), write_int2},
		{INT4OID, sizeof("-2147483648"), write_int4},
		{INT8OID, sizeof("-9223372036854775808"), write_int8},
		{FLOAT4OID, FLOAT_SHORTEST_DECIMAL_LEN, write_float4},
		{FLOAT8OID, DOUBLE_SHORTEST_DECIMAL_LEN, write_float8},
		{UUIDOID, 2 * UUID_LEN + 4, write_uuid},
		{DATEOID, DATE_ROOM, write_date},
		{TIMESTAMPOID, TIMESTAMP_ROOM, write_timestamp},
		{TIMESTAMPTZOID, TIMESTAMP_ROOM, write_timestamptz}
	};

	for (int i = 0; i < lengthof(texts); i++)
		if (texts[i].type == type)
			return &texts[i];
	return NULL;
}
