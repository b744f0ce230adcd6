-- Types rendered without their output functions: the same text, over the range of each.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET extra_float_digits = 1;
CREATE TABLE rendered (
	id int PRIMARY KEY,
	c_bool bool, c_int2 int2, c_int4 int4, c_int8 int8, c_float4 float4, c_float8 float8, c_uuid uuid,
	c_date date, c_timestamp timestamp, c_timestamptz timestamptz, c_ts3 timestamptz(3), c_name name, c_numeric numeric
);
CREATE FUNCTION put(first int, last int) RETURNS void LANGUAGE sql AS
$$
INSERT INTO rendered
SELECT i, i % 2 = 0,
	(random() * 65535 - 32768)::int2,
	(random() * 4294967295 - 2147483648)::int4,
	-- all magnitudes, both signs
	((random() - 0.5) * 2 ^ (i % 64))::int8,
	((random() - 0.5) * 10.0 ^ (i % 70 - 35))::float4,
	(random() - 0.5) * 10.0 ^ (i % 600 - 300),
	md5(i::text)::uuid,
	date '4713-01-01 BC' + (random() * (date '5874897-12-31' - date '4713-01-01 BC'))::int,
	t, t AT TIME ZONE 'UTC', t AT TIME ZONE 'UTC', substr(md5(i::text), 1, i % 33),
	(random() * 10 ^ (i % 20))::numeric
FROM (SELECT i, timestamp '4713-01-01 BC' + CASE i % 4
		-- whole days, seconds, any fraction; and near the present
		WHEN 0 THEN floor(random() * 108000000) * interval '1 day'
		WHEN 1 THEN floor(random() * 9e12) * interval '1 second'
		WHEN 2 THEN random() * 108000000 * interval '1 day'
		ELSE 2455000 * interval '1 day' + floor(random() * 1e12) * interval '100 microseconds' END AS t
	FROM generate_series(first, last) i) s
$$;
SELECT custody.protect('rendered');
SELECT setseed(0.4711);
SELECT put(1, 20000);
-- the ends of each range, and what is not a number or a day
INSERT INTO rendered (id, c_int2, c_int4, c_int8, c_float4, c_float8, c_date, c_timestamp, c_timestamptz) VALUES
(-1, -32768, -2147483648, -9223372036854775808, '-Infinity', 'NaN', '4714-11-24 BC', '4714-11-24 00:00:00 BC', '4714-11-24 00:00:00+00 BC'),
(-2, 32767, 2147483647, 9223372036854775807, '3.4028235e38', '1.7976931348623157e308', '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00'),
(-3, 0, 0, 0, '-0', '5e-324', '-infinity', '-infinity', '-infinity'),
(-4, -1, -1, -1, '1e-45', '-0', 'infinity', 'infinity', 'infinity'),
(-5, 1, 10, 100, '1', '0.1', '0001-12-31 BC', '0001-12-31 23:59:59.999999 BC', '0001-12-31 23:59:59.999999+00 BC'),
(-6, 9, 99, 999, '100000', '1e15', '0001-01-01', '0001-01-01', '0001-01-01 00:00:00.000001+00'),
(-7, 10, 100, 1000, '1000000', '1e16', '9999-12-31', '9999-12-31 23:59:59.1', '10000-01-01 00:00:00.10+00'),
(-8, 10, 100, 1000, '0.0001', '0.00001', '2000-02-29', '1999-12-31 23:59:59.999999', '2000-02-29 00:00:00.000100+00'),
(-9, NULL, NULL, NULL, NULL, NULL, '10000-01-01', '2000-01-01', '1970-01-01');
RESET ALL;

-- under any settings of the session
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'German';
SET extra_float_digits = -15;
UPDATE rendered SET id = id + 100000 WHERE id < 10000;
RESET ALL;

SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET extra_float_digits = 1;
CREATE TEMP TABLE recorded AS
SELECT DISTINCT ON ("row"->>'id') ("row"->>'id')::int AS id, "row" FROM custody.history('rendered') ORDER BY "row"->>'id', entry_no DESC;
SELECT count(*) AS rows, count(*) FILTER (WHERE EXISTS (SELECT FROM jsonb_each_text(l."row") e WHERE e.value IS DISTINCT FROM
	CASE e.key
	WHEN 'id' THEN t.id::text
	WHEN 'c_bool' THEN t.c_bool::text
	WHEN 'c_int2' THEN t.c_int2::text
	WHEN 'c_int4' THEN t.c_int4::text
	WHEN 'c_int8' THEN t.c_int8::text
	WHEN 'c_float4' THEN to_jsonb(t.c_float4) #>> '{}'
	WHEN 'c_float8' THEN to_jsonb(t.c_float8) #>> '{}'
	WHEN 'c_uuid' THEN t.c_uuid::text
	WHEN 'c_date' THEN t.c_date::text
	WHEN 'c_timestamp' THEN t.c_timestamp::text
	WHEN 'c_timestamptz' THEN t.c_timestamptz::text
	WHEN 'c_ts3' THEN t.c_ts3::text
	WHEN 'c_name' THEN t.c_name::text
	WHEN 'c_numeric' THEN t.c_numeric::text
	END)) AS different
FROM rendered t JOIN recorded l USING (id);
RESET ALL;
DROP TABLE rendered, recorded;
DROP FUNCTION put(int, int);
