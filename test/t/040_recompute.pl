# A real export, recomputed from doc/format.md alone in another language and by
# the offline verifier; both refuse it when one character differs.
use strict;
use warnings;

use lib 'test/t';
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('recompute');
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_custody;
	CREATE TYPE stage AS ENUM ('I', 'II', 'III');
	CREATE TABLE patient (id int PRIMARY KEY, name text, born date, stage stage,
		weights numeric[], seen tstzrange, photo bytea, bmi float8,
		age int GENERATED ALWAYS AS (id * 2) STORED);
	INSERT INTO patient
	SELECT i, '환자 ' || i, date '1950-01-01' + i, 'II', ARRAY[1.0, 1.00, NULL],
		tstzrange('2026-01-01 00:00+00', NULL), decode(repeat('ab', i), 'hex'), i / 3.0
	FROM generate_series(1, 300) i;
	CREATE TABLE note (patient int, body text);
	CREATE TABLE dose (patient int, at date, mg numeric, PRIMARY KEY (patient, at))
		PARTITION BY RANGE (at);
	CREATE TABLE dose_1 PARTITION OF dose FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
	CREATE TABLE dose_2 PARTITION OF dose FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
	SELECT custody.protect_schema('public', subject => 'patient');
	SELECT custody.seal();
	INSERT INTO dose SELECT i, '2026-01-05', i FROM generate_series(1, 300) i;
	UPDATE dose SET at = '2026-02-05' WHERE patient <= 5;
	INSERT INTO note VALUES (1, NULL), (1, ''), (1, repeat('long text ', 1000)), (1, NULL);
	UPDATE note SET patient = 2;
	SELECT custody.set_context('dr.kim', 'why', 'treatment', '{"ward": 7}');
	UPDATE patient SET name = NULL, bmi = '-0' WHERE id < 10;
	DELETE FROM patient WHERE id = 10;
	UPDATE patient SET id = 1000 WHERE id = 11;
	SELECT custody.seal();
	TRUNCATE dose_2;
	ALTER TABLE patient ADD COLUMN allergy text DEFAULT 'none known';
	UPDATE patient SET allergy = 'penicillin' WHERE id = 1;
	SELECT custody.unprotect('note', 'end of test');
	SELECT custody.seal();
});

# Many small transactions, so that a tile fills.
$node->safe_psql('postgres', join('', map { "UPDATE patient SET bmi = $_ WHERE id = 20;\n" } 1 .. 300));
$node->safe_psql('postgres', 'SELECT custody.seal()');

# What a witness records; it may be its own, as far as that goes.
my $line = $node->safe_psql('postgres', q{
	SELECT custody.trust_log(custody.verifier_key());
	SELECT custody.cosign_checkpoint(custody.prove_consistency(0))});
my $cosigned = $node->safe_psql('postgres', 'SELECT custody.checkpoint()') . $line =~ s/\A\n//r;
$node->safe_psql('postgres', q{
	SELECT custody.distrust_log(custody.verifier_key(), 'nobody witnesses himself');
	SELECT custody.seal()});
is($node->safe_psql('postgres', 'SELECT * FROM custody.verify()'), '', 'the ledger verifies');
my $note = $node->basedir . '/cosigned';
my $witness = $node->safe_psql('postgres', 'SELECT custody.witness_key()');
spew($note, $cosigned);
command_ok([ 'sh', '-c', 'python3 test/recompute/cosign.py check "$0" < "$1"', $witness, $note ],
	'a cosignature, checked from the format alone');
spew($note, $cosigned =~ s/\n(\d+)\n/"\n" . ($1 + 1) . "\n"/er);
command_exit_is([ 'sh', '-c', 'python3 test/recompute/cosign.py check "$0" < "$1"', $witness, $note ],
	1, 'and refused under another checkpoint');

my $key = $node->safe_psql('postgres', 'SELECT custody.verifier_key()');
my $ledger = $node->safe_psql('postgres', 'SELECT line FROM custody.export()') . "\n";
my $file = $node->basedir . '/ledger';
spew($file, $ledger);

command_ok([ 'python3', 'test/recompute/recompute.py', $file, $key ],
	'recomputed from the format alone');
command_ok([ 'pg_custody_verify', 'bundle', '--key', $key, $file ], 'verified offline');

# Change one character of every kind of line.
foreach my $kind (qw(leaf entry checkpoint))
{
	my @lines = split /\n/, $ledger;
	my ($n) = grep { $lines[$_] =~ /^$kind / } reverse 0 .. $#lines;
	my $at = length("$kind ") + 30;

	substr($lines[$n], $at, 1) = substr($lines[$n], $at, 1) eq 'A' ? 'B' : 'A';
	spew($file, join("\n", @lines) . "\n");
	command_exit_is([ 'python3', 'test/recompute/recompute.py', $file, $key ],
		1, "recomputation refuses a changed $kind");
	command_exit_is([ 'pg_custody_verify', 'bundle', '--key', $key, $file ],
		1, "the offline verifier refuses a changed $kind");
}

$node->stop;
done_testing();
