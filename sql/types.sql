-- Every built-in type, under any session settings, is one canonical text.
\pset format unaligned
SET client_min_messages = warning;
CREATE SCHEMA vendor;
CREATE TYPE vendor.stage AS ENUM ('I', 'II', 'Ⅲ');
CREATE TYPE vendor.measure AS (amount numeric, at timestamptz, raw bytea);
CREATE DOMAIN vendor.percent AS numeric(5,2) CHECK (VALUE BETWEEN 0 AND 100);
CREATE DOMAIN vendor.stages AS vendor.stage[];
CREATE TYPE vendor.span AS RANGE (subtype = text, collation = "C");
CREATE TABLE vendor.ward (id int PRIMARY KEY);
CREATE FUNCTION vendor.f(int) RETURNS int LANGUAGE sql AS 'SELECT $1';

CREATE TABLE every_type (
	id int PRIMARY KEY,
	dropped1 int,
	c_bool bool, c_int2 int2, c_int4 int4, c_int8 int8, c_oid oid,
	c_float4 float4, c_float8 float8, c_numeric numeric, c_numeric2 numeric(10,2), c_money money,
	c_text text, c_varchar varchar(20), c_bpchar char(6), c_char "char", c_name name, c_bytea bytea,
	c_date date, c_time time, c_timetz timetz, c_timestamp timestamp, c_timestamptz timestamptz, c_ts3 timestamptz(3),
	c_interval interval, c_uuid uuid, c_inet inet, c_cidr cidr, c_mac macaddr, c_mac8 macaddr8,
	dropped2 text,
	c_bit bit(5), c_varbit varbit, c_json json, c_jsonb jsonb, c_xml xml, c_path jsonpath,
	c_tsvector tsvector, c_tsquery tsquery,
	c_point point, c_line line, c_lseg lseg, c_box box, c_poly path, c_polygon polygon, c_circle circle,
	c_int4range int4range, c_numrange numrange, c_tstzrange tstzrange, c_daterange daterange,
	c_multi datemultirange, c_tsmulti tstzmultirange,
	c_regclass regclass, c_regtype regtype, c_regproc regprocedure, c_regrole regnamespace, c_regcoll regcollation,
	c_lsn pg_lsn, c_snapshot pg_snapshot, c_xid xid8, c_tid tid,
	c_ints int[], c_texts text[], c_times timestamptz[], c_2d int[][], c_moneys money[],
	c_enum vendor.stage, c_enums vendor.stages, c_domain vendor.percent, c_composite vendor.measure,
	c_composites vendor.measure[], c_range vendor.span, c_row vendor.ward,
	g_sum int8 GENERATED ALWAYS AS (c_int2 + c_int4) STORED
);
ALTER TABLE every_type DROP COLUMN dropped1, DROP COLUMN dropped2;
SELECT custody.protect('every_type');

-- the same rows, inserted under whatever is set; ids tell the rounds apart
CREATE FUNCTION put(round int) RETURNS void LANGUAGE sql SET search_path = public, vendor
SET DateStyle = 'ISO, YMD' SET TimeZone = 'UTC' SET IntervalStyle = 'postgres' AS
$$
INSERT INTO every_type VALUES
(round + 1, true, -32768, 2147483647, -9223372036854775808, 4294967295,
 '-0', '0.1', '1.00', '1.00', '-1234.50',
 E'Größe 한국어 中文 \\ \' " \n\t', 'ab', 'ab', 'x', 'name', '\x00ff5c27',
 '2026-02-28', '23:59:59.999999', '00:00:00.000001+14', '2126-12-31 23:59:59.5', '2026-03-29 01:30:00.123456+00', '2026-03-29 01:30:00.123456+00',
 '-1 years 2 mons -3 days 04:05:06.000007', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '10.0.0.1/8', '10.0.0.0/8', '08-00-2b-01-02-03', '08:00:2b:ff:fe:01:02:03',
 '10110', '', '{"b": 1, "a": [1.0, 1.00],  "b": null}', '{"b": 1, "a": [1.0, 1.00], "b": null}', '<a b="ü"> x </a>', '$.a[*] ? (@ > 1)',
 'fat:2A cat:1', 'fat & !cat', '(1.5,-0)', '{1,2,3}', '[(0,0),(1,1)]', '(2,2),(0,0)', '[(0,0),(1,1)]', '((0,0),(1,1),(2,0))', '<(1,1),2>',
 '[1,5]', '(1.50,]', '[2026-01-01 00:00+09,infinity)', 'empty', '{[2026-01-01,2026-01-05],[2026-02-01,]}', '{[epoch,2000-01-01]}',
 'vendor.ward', 'vendor.stage[]', 'vendor.f(int)', 'vendor', '"C"',
 '16/B374D848', '10:20:10,14,15', '42', '(1,2)',
 '{1,NULL,3}', '{"a b",NULL,"NULL","",",","\""}', '{epoch,NULL,infinity}', '{{1,2},{3,4}}', '{1.5,-2}',
 'II', '{I,Ⅲ}', 50, '(1.50,epoch,"\\\\x00")', '{"(1.50,epoch,)",NULL}', '[a,c)', '(7)'),
(round + 2, false, 0, 0, 0, 0, 'NaN', '-Infinity', 'NaN', '0.10', '0',
 '', '', '', '', '', '', '-infinity', '24:00', '00:00+00', 'infinity', '-infinity', '4713-01-01 00:00:00+00 BC',
 '0', '00000000-0000-0000-0000-000000000000', '::1', '::/0', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00',
 '00000', '1', '{}', '{}', '', '$', '', '', '(NaN,Infinity)', '{0,-1,0}', '[(0,0),(0,0)]', '(0,0),(0,0)', '((0,0))', '((0,0))', '<(0,0),0>',
 'empty', 'empty', 'empty', '[,]', '{}', '{}', '0', '0', '0', '0', '0', '0/0', '1:1:', '0', '(0,0)',
 '{}', '{}', '{}', '{}', '{}', 'I', '{}', 0, '(,,)', '{}', 'empty', '()'),
(round + 3, NULL, NULL, NULL, NULL, NULL, '1e-45', '5e-324', '-Infinity', NULL, NULL,
 repeat('Ü', 3000), NULL, NULL, NULL, NULL, decode(repeat('deadbeef', 3000), 'hex'), '5874897-12-31', NULL, NULL, '294276-12-31 23:59:59.999999', NULL, NULL,
 '178000000 years', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, to_jsonb(repeat('j', 5000)), NULL, NULL, NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
$$;
SELECT put(0);
SET TimeZone = 'America/St_Johns';
SET DateStyle = 'SQL, DMY';
SET IntervalStyle = 'sql_standard';
SET bytea_output = 'escape';
SET extra_float_digits = -15;
SET lc_monetary = 'C';
SET search_path = vendor, public;
SET xmlbinary = 'hex';
SET default_text_search_config = 'simple';
SELECT put(10);
UPDATE every_type SET c_varchar = 'changed' WHERE id > 10;
UPDATE every_type SET c_varchar = old.c_varchar FROM every_type old WHERE every_type.id > 10 AND old.id = every_type.id - 10;
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'German';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = 3;
SET client_encoding = 'LATIN1';
SET search_path = pg_temp;
SELECT public.put(20);
SET search_path = public;
RESET client_encoding;
RESET ALL;
SET client_min_messages = warning;

-- one text for all rounds
SELECT ("row"->>'id')::int % 10 AS id, count(*), count(DISTINCT "row" - 'id') AS texts
FROM custody.history('every_type')
WHERE "row"->>'c_varchar' IS DISTINCT FROM 'changed' GROUP BY 1 ORDER BY 1;
-- which is
SELECT key, left(value, 100)
FROM custody.history('every_type', '{"id": 1}') h, jsonb_each_text(h."row") ORDER BY key COLLATE "C";
SELECT key, left(value, 100)
FROM custody.history('every_type', '{"id": 2}') h, jsonb_each_text(h."row") ORDER BY key COLLATE "C";
SELECT key, left(value, 60), length(value)
FROM custody.history('every_type', '{"id": 3}') h, jsonb_each_text(h."row") WHERE value IS NOT NULL ORDER BY key COLLATE "C";

-- the past is the present
SELECT count(*) FROM every_type e JOIN custody.as_of(NULL::every_type, 'infinity') a
ON e.id = a.id AND e::text = a::text;

SET TimeZone = 'Pacific/Chatham';
SET DateStyle = 'Postgres';
SET IntervalStyle = 'postgres_verbose';
SET bytea_output = 'escape';
SET extra_float_digits = 0;
SELECT custody.seal() > 0 AS sealed;
SELECT severity, code, row_key, message, detail FROM custody.verify();
RESET ALL;
SET client_min_messages = warning;

-- equal to the eye, yet another value: recorded
CREATE TABLE fine (id int PRIMARY KEY, n numeric, f float8, j json, t text COLLATE "C");
SELECT custody.protect('fine');
INSERT INTO fine VALUES (1, 1.0, '0', '{"a":1}', 'a');
UPDATE fine SET n = 1.00, f = '-0', j = '{"a": 1}', t = 'a ';
SELECT operation, "row"->>'n' AS n, "row"->>'f' AS f, "row"->>'t' || '|' AS t FROM custody.history('fine');
SELECT custody.seal() > 0 AS sealed;
SELECT severity, code, row_key, message, detail FROM custody.verify();

-- compressed, toasted, in line, out of line: the value counts, not its storage
CREATE TABLE storage (id int PRIMARY KEY, e text, x text, m text);
ALTER TABLE storage ALTER e SET STORAGE EXTERNAL, ALTER x SET STORAGE EXTENDED, ALTER m SET STORAGE MAIN;
SELECT custody.protect('storage');
INSERT INTO storage SELECT i, v, v, v FROM (SELECT i, repeat('0123456789', i) AS v FROM unnest('{1,102,103,300,5000}'::int[]) i) s;
ALTER TABLE storage ALTER e SET STORAGE MAIN, ALTER x SET STORAGE EXTERNAL, ALTER m SET STORAGE EXTENDED;
UPDATE storage SET e = e || '', x = x || '', m = m || '';
VACUUM FULL storage;
SELECT custody.seal() > 0 AS sealed;
SELECT severity, code, row_key, message, detail FROM custody.verify();
DROP TABLE every_type, fine, storage;
DROP FUNCTION put;
DROP SCHEMA vendor CASCADE;
