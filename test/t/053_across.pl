#!/usr/bin/perl
#
# Proofs of every kind of value, held against what they showed where they were
# made.  With PROOFS_ACROSS, a folder, those made here stay in it under the
# server's major, and those that other majors left there are checked too: by
# SQL, by the offline program built here and by the recomputation.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('across');
my $across = $ENV{PROOFS_ACROSS} // $node->basedir . '/across';
my $major = int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);
my $folder = "$across/$major";
mkdir($_) foreach grep { !-d $_ } $across, $folder;

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_custody;
	CREATE TYPE stage AS ENUM ('I', 'II');
	CREATE TYPE address AS (street text, no int);
	CREATE DOMAIN mrn AS text CHECK (VALUE ~ '^M');
	CREATE TABLE kinds (
		id mrn PRIMARY KEY, i2 smallint, i4 int, i8 bigint, n numeric, n2 numeric(8,2), f4 real, f8 float8,
		b boolean, t text, vc varchar(20), c char(6), raw bytea, d date, tm time, tmz timetz, ts timestamp,
		tstz timestamptz, iv interval, u uuid, j json, jb jsonb, ip inet, net cidr, mac macaddr, bits bit(5),
		vbits varbit, cash money, ia int[], ta text[], r int4range, tr tstzrange, mr nummultirange, e stage,
		addr address, p point, poly polygon, tv tsvector, gen int GENERATED ALWAYS AS (i2 * 2) STORED);
	CREATE TABLE keyless (a text, b int);
	CREATE TABLE dose (patient int, given date, mg numeric, PRIMARY KEY (patient, given)) PARTITION BY RANGE (given);
	CREATE TABLE dose_1 PARTITION OF dose FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
	SELECT custody.protect('kinds'), custody.protect('keyless'), custody.protect('dose');
	SELECT custody.set_context('dr.kim', 'cross check', 'treatment', '{"ward": 7}');
	INSERT INTO kinds VALUES ('M1', -32768, 2147483647, -9223372036854775808, 'NaN', 1.10, 1e-37, 0.1,
		true, E'환자 "q" \\\\ \t\n', 'v', 'c', '\x00ff', '0044-03-15 BC', '23:59:59.999999', '12:00+05:30',
		'infinity', '2026-01-01 00:00:00.000001+00', '1 year -2 days 03:04:05.6', '00112233-4455-6677-8899-aabbccddeeff',
		'{"b" : 1,  "a":2}', '{"b": 1, "a": [1.0, null]}', '::1/128', '10.0.0.0/8', '08:00:2b:01:02:03', B'10101', B'101',
		12.34, '{1,NULL,3}', '{{"a b","c\"d"},{"",NULL}}', '[1,5)', '[2026-01-01 00:00+00,)', '{[1.0,2.0],(3,4)}', 'II',
		ROW('Main "St"', NULL), '(1.5,-0)', '((0,0),(1,1),(2,0))', 'a:1 b:2A');
	INSERT INTO kinds (id, t, f8, raw) VALUES ('M2', repeat('long 값 ', 3000), '-Infinity', ''), ('M3', '', '-0', NULL);
	INSERT INTO keyless VALUES ('x', NULL), ('x', NULL), (NULL, 1);
	INSERT INTO dose VALUES (1, '2026-01-05', 2.50);
	SELECT custody.seal();
	CREATE TABLE moment AS SELECT clock_timestamp() AS at;
	UPDATE kinds SET t = 'changed', f8 = 1.0 / 3 WHERE id = 'M1';
	UPDATE kinds SET id = 'M4' WHERE id = 'M3';
	DELETE FROM keyless WHERE a IS NULL;
	ALTER TABLE dose ADD COLUMN route text DEFAULT 'iv';
	UPDATE dose SET mg = 3.0;
	SELECT custody.seal();
	CREATE FUNCTION shown(proof text, keys text[]) RETURNS text LANGUAGE sql SET timezone = 'UTC' AS $$
		SELECT string_agg(concat_ws('|', valid, relation, row_key, operation, changed_at, "values", tree_size, problem), E'\n')
		FROM custody.verify_proof(proof, keys) $$});
$node->safe_psql('postgres', 'CREATE DATABASE stranger');
$node->safe_psql('stranger', 'CREATE EXTENSION pg_custody;'
	  . $node->safe_psql('postgres', q{SELECT pg_get_functiondef('shown(text, text[])'::regprocedure)}));

# What is left for the others.
my $key = $node->safe_psql('postgres', 'SELECT custody.verifier_key()');
my $size = $node->safe_psql('postgres', 'SELECT min(tree_size) FROM custody.blocks');
my $moment = $node->safe_psql('postgres', 'SELECT at FROM moment');
my %call = (
	every => q{'kinds', '{"id": "M1"}'},
	first => qq{'kinds', '{"id": "M1"}', at => '$moment'},
	some => q{'kinds', '{"id": "M1"}', '{tstz, jb, poly}'},
	long => q{'kinds', '{"id": "M2"}'},
	renamed => q{'kinds', '{"id": "M4"}', '{t, raw, f8}'},
	keyless => q{'keyless', '{"a": "x", "b": null}'},
	deleted => q{'keyless', '{"a": null, "b": 1}'},
	partition => q{'dose', '{"patient": 1, "given": "2026-01-05"}'});
my %life = (
	life => q{'kinds', '{"id": "M1"}'},
	grown => qq{'dose', '{"patient": 1, "given": "2026-01-05"}', $size});
foreach my $name (sort keys %call, keys %life)
{
	my $proof = $node->safe_psql('postgres',
		$call{$name} ? "SELECT custody.prove_row($call{$name})" : "SELECT custody.prove_history($life{$name})") . "\n";

	spew("$folder/$name.proof", $proof);
	spew("$folder/$name.shown", $node->safe_psql('postgres', "SELECT shown(pg_read_file('$folder/$name.proof'), ARRAY['$key'])"));
}
spew("$folder/keys", "$key\n");
spew("$folder/leaf", pack('H*', $node->safe_psql('postgres', q{SELECT encode(custody.leaf(1), 'hex')})));
spew("$folder/leaf.tlog", $node->safe_psql('postgres', 'SELECT custody.tlog_proof(1)') . "\n");
spew("$folder/old.note", $node->safe_psql('postgres', "SELECT custody.checkpoint($size)") . "\n");
spew("$folder/growth", $node->safe_psql('postgres', "SELECT custody.prove_consistency($size)") . "\n");
spew("$folder/ledger", $node->safe_psql('postgres', 'SELECT line FROM custody.export()') . "\n");

sub is_refused
{
	my ($from, $name, $text, $key) = @_;
	my $file = $node->basedir . '/damaged';

	spew($file, $text);
	is($node->safe_psql('stranger', qq{SELECT valid FROM custody.verify_proof(pg_read_file('$file'), ARRAY['$key'])}),
		'f', "$from, $name: a change is refused");
}

foreach my $from (sort map { s!.*/!!r } glob("$across/*"))
{
	my $here = "$across/$from";
	my $key = slurp("$here/keys") =~ s/\n//r;
	my @proofs = sort map { m!([^/]+)\.proof$! } glob("$here/*.proof");
	my @lives = grep { $life{$_} } @proofs;

	is(scalar @proofs, keys(%call) + keys(%life), "$from: proofs to check");
	foreach my $name (@proofs)
	{
		is($node->safe_psql('stranger', "SELECT shown(pg_read_file('$here/$name.proof'), ARRAY['$key'])"),
			slurp("$here/$name.shown"), "$from, $name: shows the same on $major");
		like(slurp("$here/$name.shown"), qr/^t\|public\./, "$from, $name: valid where it was made");
		command_ok([ 'python3', 'test/recompute/recompute.py', $life{$name} ? '--history' : '--proof', "$here/$name.proof", $key ],
			"$from, $name: recomputed");
	}
	command_ok([ 'pg_custody_verify', 'proof', '--keys', "$here/keys", map { "$here/$_.proof" } grep { !$life{$_} } @proofs ],
		"$from: the program built on $major");
	command_ok([ 'pg_custody_verify', 'history', '--keys', "$here/keys", "$here/$_.proof" ], "$from, $_: the program")
	  foreach @lives;
	command_ok([ 'pg_custody_verify', 'proof', '--keys', "$here/keys", '--leaf', "$here/leaf", "$here/leaf.tlog" ],
		"$from: a leaf");
	command_ok([ 'pg_custody_verify', 'consistency', '--keys', "$here/keys", '--old', "$here/old.note", "$here/growth" ],
		"$from: growth");
	command_ok([ 'pg_custody_verify', 'bundle', '--keys', "$here/keys", "$here/ledger" ], "$from: the whole ledger");
	my $proof = slurp("$here/every.proof");
	is_refused($from, 'a value', $proof =~ s/^(private .{60})(.)/$1 . ($2 eq 'A' ? 'B' : 'A')/mer, $key);
	is_refused($from, 'the root', $proof =~ s/\n([^\n])([^\n]+\n\n\xE2)/"\n" . ($1 eq 'A' ? 'B' : 'A') . $2/er, $key);
}

$node->stop;
done_testing();
