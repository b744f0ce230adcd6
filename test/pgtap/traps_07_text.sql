-- Text depends on the session; what is recorded does not.
SET client_min_messages = warning;
SELECT plan(9);

CREATE SCHEMA private;
CREATE TYPE private.mood AS ENUM ('low', 'high');
CREATE TABLE private.ward (id int);
CREATE DOMAIN private.price AS money;
CREATE TYPE ward_reading AS (at timestamptz, cost money, raw bytea);
CREATE TABLE reading (id int PRIMARY KEY, at timestamptz, day date, at_local timestamp, tz timetz,
	span interval, cost money, price private.price, real4 real, real8 float8, raw bytea,
	class regclass, type regtype, proc regproc, ns regnamespace, mood private.mood,
	moods private.mood[], times timestamptz[], during tstzrange, spans interval[],
	doc json, docb jsonb, mixed ward_reading);
SELECT is(custody.protect('reading'), 0::bigint, 'protected');

-- settings only an unkind session would have
CREATE FUNCTION store(n int) RETURNS void LANGUAGE sql SET search_path = public, private AS
$$
	INSERT INTO reading VALUES (n,
		timestamptz 'epoch' + interval '1234567890.123456 s', date '2026-02-03', timestamp '2126-02-03 04:05:06.7',
		timetz '04:05:06.789+03', interval '1 year -2 mons 3 days -04:05:06.7', 1234.5::numeric::money, 99::numeric::money::private.price,
		'1.1', 0.1 + 0.2::float8, decode('005c27ff', 'hex'), 'private.ward', 'private.mood[]', 'public.store', 'private',
		'high', '{low,high}', ARRAY[timestamptz 'epoch', 'infinity', NULL], tstzrange('epoch', NULL), ARRAY[interval '1 day 1 s'],
		'{"b": 1, "a": 2, "b": 1.00}', '{"b": 1, "a": 2.00}', ROW(timestamptz 'epoch', 5::numeric::money, decode('ff', 'hex')));
$$;
SELECT store(1);
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'German, DMY';
SET IntervalStyle = 'iso_8601';
SET bytea_output = 'escape';
SET extra_float_digits = -15;
SET lc_monetary = 'C';
SET client_encoding = 'UTF8';
SET xmloption = 'document';
SET search_path = private, public;
SELECT public.store(2);
UPDATE public.reading SET real4 = real4 WHERE id = 1;
SET DateStyle = 'SQL, MDY';
SET IntervalStyle = 'sql_standard';
SET TimeZone = 'America/St_Johns';
SET search_path = public;
SELECT store(3);
RESET ALL;
SET client_min_messages = warning;

SELECT is((SELECT count(DISTINCT h."row" - 'id') FROM custody.history('reading') h), 1::bigint,
		  'the same row under any settings is the same entry');
SELECT is(h."row"->>c.name, c.value, c.what)
FROM custody.history('reading', '{"id": 3}') h,
	(VALUES ('at', '2009-02-13 23:31:30.123456+00', 'ISO dates, UTC'),
			('span', '10 mons 3 days -04:05:06.7', 'postgres intervals'),
			('real8', '0.30000000000000004', 'shortest-exact floats'),
			('raw', '\x005c27ff', 'hex bytea'),
			('class', 'private.ward', 'empty search_path')) c (name, value, what);

SET TimeZone = 'Pacific/Chatham';
SET DateStyle = 'Postgres, DMY';
SET IntervalStyle = 'postgres_verbose';
SET extra_float_digits = 0;
SET bytea_output = 'escape';
SELECT ok(custody.seal() > 0, 'sealed');
SELECT is_empty('SELECT severity, code, row_key, message, detail FROM custody.verify()', 'verify under other settings finds nothing');
SELECT * FROM finish();
