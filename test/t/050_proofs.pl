#!/usr/bin/perl
#
# Proofs of rows and of growth, checked where they are meant to be: in a
# database that never saw the ledger, and by the offline program.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('proofs');
my $folder = $node->basedir;

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_custody;
	CREATE TABLE t (id integer PRIMARY KEY, n text, secret boolean);
	CREATE TABLE keyless (n text);
	CREATE TABLE parts (id integer PRIMARY KEY, n text) PARTITION BY RANGE (id);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
	INSERT INTO t VALUES (1, 'first', true), (2, repeat('환자 ', 2000), NULL);
	CREATE TABLE proofs (no integer GENERATED ALWAYS AS IDENTITY, proof text);
	SELECT custody.protect('t'), custody.protect('keyless'), custody.protect('parts');
	SELECT custody.seal()});
$node->safe_psql('postgres', 'CREATE DATABASE stranger');
$node->safe_psql('stranger', 'CREATE EXTENSION pg_custody');

my $key = $node->safe_psql('postgres', 'SELECT custody.verifier_key()');
my $checked = 0;

# The answer in the stranger's database, and the offline program's.
sub check
{
	my ($name, $call, $expected) = @_;
	my $file = "$folder/proof" . $checked++;

	spew($file, $node->safe_psql('postgres', "SELECT custody.prove_row($call)") . "\n");
	is($node->safe_psql('stranger', qq{
			SELECT valid, relation, row_key, operation, changed_at <= now(),
				(SELECT jsonb_object_agg(k, CASE WHEN length(v #>> '{}') > 100 THEN to_jsonb(length(v #>> '{}')) ELSE v END)
				 FROM jsonb_each("values") AS e(k, v)), problem
			FROM custody.verify_proof(pg_read_file('$file'), ARRAY['$key'])}),
		"t|$expected|", "$name: in another database");
	command_exit_is([ 'pg_custody_verify', 'proof', '--key', $key, $file ], 0, "$name: offline");
	return $file;
}

# Every kind of row and version
check('baseline', q{'t', '{"id": 1}'},
	'public.t|{"id": 1}|baseline|t|{"n": "first", "id": 1, "secret": true}');
my $before = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
$node->safe_psql('postgres', q{
	INSERT INTO t VALUES (3, 'third', false);
	UPDATE t SET secret = false WHERE id = 2;
	DELETE FROM t WHERE id = 1;
	INSERT INTO keyless VALUES ('a'), ('a'), (NULL);
	INSERT INTO parts VALUES (1, 'stays'), (2, 'moves');
	UPDATE parts SET id = 12 WHERE id = 2;
	SELECT custody.seal()});
check('insert', q{'t', '{"id": 3}'}, 'public.t|{"id": 3}|insert|t|{"n": "third", "id": 3, "secret": false}');
check('one column', q{'t', '{"id": 3}', '{n}'}, 'public.t|{"id": 3}|insert|t|{"n": "third", "id": 3}');
check('update, with a long value of the baseline', q{'t', '{"id": 2}'},
	'public.t|{"id": 2}|update|t|{"n": 6000, "id": 2, "secret": false}');
my $deleted = check('delete', q{'t', '{"id": 1}'}, 'public.t|{"id": 1}|delete|t|');
check('before the delete', qq{'t', '{"id": 1}', at => '$before'},
	'public.t|{"id": 1}|baseline|t|{"n": "first", "id": 1, "secret": true}');
check('before the update', qq{'t', '{"id": 2}', '{secret}', '$before'},
	'public.t|{"id": 2}|baseline|t|{"id": 2, "secret": null}');
check('keyless', q{'keyless', '{"n": "a"}'}, 'public.keyless|{"n": "a"}|insert|t|{"n": "a"}');
check('keyless, NULL', q{'keyless', '{"n": null}'}, 'public.keyless|{"n": null}|insert|t|{"n": null}');
check('partition', q{'parts', '{"id": 1}'}, 'public.parts|{"id": 1}|insert|t|{"n": "stays", "id": 1}');
check('moved row', q{'parts', '{"id": 12}'}, 'public.parts|{"id": 12}|insert|t|{"n": "moves", "id": 12}');
check('row of a partition', q{'parts_2', '{"id": 12}', '{n}'},
	'public.parts|{"id": 12}|insert|t|{"n": "moves", "id": 12}');

# What was withheld is not in the proof.
my $short = $node->safe_psql('postgres', q{SELECT custody.prove_row('t', '{"id": 2}', '{secret}')});
cmp_ok(length($short), '<', 4000, 'a proof of one column holds no more than it shows');

# The log grows leaf by leaf: each row is proven as soon as it is sealed, the
# first one again at every size.
my $script = '';
foreach my $i (1 .. 150)
{
	$script .= "INSERT INTO t VALUES (1000 + $i, 'row $i');\nSELECT custody.seal();\n"
	  . "INSERT INTO proofs (proof) SELECT custody.prove_row('t', jsonb_build_object('id', id)) FROM (VALUES (1000 + $i), (3)) AS v(id);\n";
}
$node->safe_psql('postgres', $script);
cmp_ok($node->safe_psql('postgres', 'SELECT custody.seal()'), '>', 300, 'more leaves than a tile holds');

# And by many leaves at once, past several tiles.
foreach my $i (1 .. 12)
{
	my $leaves = $i * 37;

	$node->safe_psql('postgres', qq{
		DO \$\$ BEGIN FOR i IN 1 .. $leaves LOOP
			INSERT INTO t VALUES (10000 * $i + i, 'many'); COMMIT;
		END LOOP; END \$\$});
	$node->safe_psql('postgres', qq{
		SELECT custody.seal();
		INSERT INTO proofs (proof) SELECT custody.prove_row('t', jsonb_build_object('id', 10000 * b + 1)) FROM generate_series(1, $i) b});
}
my $size = $node->safe_psql('postgres', 'SELECT custody.seal()');
cmp_ok($size, '>', 3000, 'several tiles');
$node->safe_psql('postgres', "INSERT INTO proofs (proof) SELECT custody.prove_row('t', jsonb_build_object('id', id)) FROM t WHERE id > 2");

# Copies of the proofs for the stranger, one file each
my @proofs = split /\n/, $node->safe_psql('postgres', q{SELECT encode(convert_to(proof, 'UTF8'), 'hex') FROM proofs ORDER BY no});
my @files;
foreach my $i (0 .. $#proofs)
{
	push @files, "$folder/sized$i";
	spew($files[$i], pack('H*', $proofs[$i]));
}
spew("$folder/list", join("\n", @files) . "\n");
spew("$folder/hex", join("\n", @proofs) . "\n");
is($node->safe_psql('stranger', qq{
		CREATE TABLE hex (line text);
		COPY hex FROM '$folder/hex';
		SELECT count(*), count(*) FILTER (WHERE valid), count(problem)
		FROM hex, custody.verify_proof(convert_from(decode(line, 'hex'), 'UTF8'), ARRAY['$key'])}),
	@proofs . '|' . @proofs . '|0', 'proofs at every size stay valid in another database');
command_exit_is([ 'pg_custody_verify', 'proof', '--key', $key, '--list', "$folder/list" ],
	0, 'and offline');

# Leaves and growth; what makes a proof checks it against the signed root.
is($node->safe_psql('postgres', 'SELECT count(custody.tlog_proof(i)) FROM generate_series(0, custody.seal() - 1) i'),
	$size, 'a proof of every leaf');
is($node->safe_psql('postgres', q{
		SELECT count(*) = count(custody.tlog_proof(i, tree_size))
		FROM (SELECT tree_size FROM custody.blocks ORDER BY block_no LIMIT 40) b, generate_series(0, tree_size - 1) i}),
	't', 'a proof of every leaf at every small size');
is($node->safe_psql('postgres', q{
		SELECT count(*) = count(custody.prove_consistency(a.tree_size, b.tree_size))
		FROM custody.blocks a JOIN custody.blocks b ON a.tree_size <= b.tree_size}),
	't', 'growth between any two checkpoints');
foreach my $old (grep { $_ } split /\n/, $node->safe_psql('postgres',
		'SELECT tree_size FROM custody.blocks WHERE block_no % 40 = 3 ORDER BY 1'))
{
	spew("$folder/old", $node->safe_psql('postgres', "SELECT custody.checkpoint($old)") . "\n");
	spew("$folder/growth", $node->safe_psql('postgres', "SELECT custody.prove_consistency($old)") . "\n");
	command_exit_is([ 'pg_custody_verify', 'consistency', '--key', $key, '--old', "$folder/old", "$folder/growth" ],
		0, "growth from $old, offline");
}

# Tiles and frontiers spare work and decide nothing.
is($node->safe_psql('postgres', qq{
		BEGIN;
		DELETE FROM custody.log_tile WHERE tile_index % 2 = 0;
		SELECT count(custody.tlog_proof(i)) FROM generate_series(0, $size - 1, 7) i;
		DELETE FROM custody.log_tile;
		SELECT count(custody.tlog_proof(i)) FROM generate_series(0, $size - 1, 70) i;
		ROLLBACK}),
	int(($size + 6) / 7) . "\n" . int(($size + 69) / 70), 'proofs without tiles');

# What was altered is not proven.
sub flip
{
	my ($table, $column, $at) = @_;
	return "UPDATE custody.$table SET $column = set_byte($column, $at, get_byte($column, $at) # 1) WHERE length($column) > 20";
}
foreach my $case (
	[ 'leaf hash', flip('log_leaf', 'leaf_hash', 0) . '; ' . flip('log_tile', 'hashes', 0), 'stored hashes do not lead to' ],
	[ 'record', flip('log_transaction', 'record', 5), 'stored hashes do not lead to' ],
	[ 'values', flip('log_transaction', 'entries', 'length(entries) - 2'), 'stored entries do not lead to' ],
	[ 'root', flip('log_leaf', 'root', 5), 'stored entries do not lead to' ])
{
	my ($name, $alter, $pattern) = @$case;

	$node->safe_psql('postgres', $alter);
	fails_with($node, q{SELECT custody.prove_row('t', '{"id": 1001}')}, 'PC301', $pattern, "$name altered");
	$node->safe_psql('postgres', $alter);
}

# A proof with one character changed, added or left out is refused.
$node->safe_psql('stranger', qq{
	CREATE TABLE mutant (proof text);
	SELECT setseed(0.5);
	INSERT INTO mutant
	SELECT CASE way WHEN 0 THEN overlay(p placing chr(33 + (random() * 93)::int) from at for 1)
		WHEN 1 THEN overlay(p placing '' from at for 1)
		WHEN 2 THEN overlay(p placing substr(p, at, 1) || substr(p, at, 1) from at for 1)
		WHEN 3 THEN left(p, at) END
	FROM (SELECT p, i % 4 AS way, 1 + (random() * (length(p) - 2))::int AS at
		  FROM (VALUES (pg_read_file('$files[0]')), (pg_read_file('$files[-1]')), (pg_read_file('$deleted'))) AS v(p),
			generate_series(1, 1500) i) m;
	DELETE FROM mutant WHERE rtrim(proof, E'\\n ') IN (rtrim(pg_read_file('$files[0]'), E'\\n '),
		rtrim(pg_read_file('$files[-1]'), E'\\n '), rtrim(pg_read_file('$deleted'), E'\\n '))});
is($node->safe_psql('stranger', qq{
		SELECT count(*) > 4000, count(*) FILTER (WHERE valid),
			count(*) FILTER (WHERE num_nonnulls(relation, row_key, operation, changed_at, "values", tree_size) > 0 OR problem IS NULL)
		FROM mutant, custody.verify_proof(proof, ARRAY['$key'])}),
	't|0|0', 'no mutant is valid, nor shows anything');

# Another ledger's key is not trusted.
my $other = 'hospital.example/custody+7d934132+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c';
is($node->safe_psql('stranger', qq{SELECT valid FROM custody.verify_proof(pg_read_file('$files[0]'), ARRAY['$other'])}),
	'f', 'a proof signed by a key that is not trusted');
command_fails([ 'pg_custody_verify', 'proof', '--key', $other, $files[0] ], 'nor offline');

verifies_clean($node, 'after all proofs');
$node->stop;
done_testing();
