#!/usr/bin/perl
#
# Verifying since a size: what the set hashes settle, what they leave to the
# comparison row by row, and that neither misses anything the other finds.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyFixture;
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('since');
add_fixture($node, 'postgres');
$node->safe_psql('postgres', 'SELECT custody.seal()');

my $off = 'ALTER TABLE %s DISABLE TRIGGER ALL;';
my $on = q{ALTER TABLE %s ENABLE TRIGGER ALL; ALTER TABLE %1$s ENABLE ALWAYS TRIGGER "!custody_capture";
	ALTER TABLE %1$s ENABLE ALWAYS TRIGGER "!custody_truncate";};

my $asleep = 'ALTER EVENT TRIGGER custody_ddl DISABLE; ALTER EVENT TRIGGER custody_drop DISABLE;';
my $awake = 'ALTER EVENT TRIGGER custody_ddl ENABLE ALWAYS; ALTER EVENT TRIGGER custody_drop ENABLE ALWAYS;';

# Change tables with their triggers off for the moment.
sub unseen
{
	my ($tables, $sql) = @_;
	return join('', $asleep, (map { sprintf($off, $_) } split / /, $tables), $sql, ';',
		(map { sprintf($on, $_) } split / /, $tables), $awake);
}

sub sealed
{
	$node->safe_psql('postgres', 'SELECT custody.seal()');
	return $node->safe_psql('postgres', 'SELECT max(tree_size) FROM custody.log_block');
}

# What has been found apart, of a change that was committed, and is not looked for again.
my $known = '';

# Findings after a statement that is rolled back.
sub found
{
	my ($sql, $args) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', "SET session_replication_role = replica; BEGIN; $sql;\n\\echo FINDINGS\n"
		  . q{SELECT concat_ws('|', severity, code, relation, row_key) FROM custody.verify(} . $args
		  . ") $known ORDER BY 1; ROLLBACK",
		stdout => \$out, stderr => \$err, on_error_stop => 1);
	is($err, '', 'no error') if $err ne '';
	return ($out =~ /FINDINGS\n(.*)/s)[0] // '';
}

# How much of the ledger a verification reads: index scans of transactions.
sub reads
{
	my ($args) = @_;
	my $scans = q{SELECT pg_stat_force_next_flush(), sum(idx_scan) FROM pg_stat_user_indexes WHERE relname = 'log_transaction'};
	$scans =~ s/pg_stat_force_next_flush\(\), // if $node->pg_version < 15;
	my $before = (split /\|/, $node->safe_psql('postgres', $scans))[-1];
	$node->safe_psql('postgres', "SELECT count(*) FROM custody.verify($args)");
	my $after;
	for (1 .. 50)
	{
		$after = (split /\|/, $node->safe_psql('postgres', $scans))[-1];
		last if $after > $before;
		select(undef, undef, undef, 0.1);
	}
	return $after - $before;
}

# Columns were added to patient in the fixture: its set is not known.
is($node->safe_psql('postgres', q{SELECT count(*) FROM custody.log_state WHERE row_set IS NULL}), '1',
	'a column was added: one set is not known');
my $size = sealed();
is(found('', "since => $size"), '', 'not settled, clean all the same');
cmp_ok(reads("since => $size"), '>', 260, 'the history is read');

# Truncating and loading again makes it known.
$node->safe_psql('postgres', q{
	CREATE TABLE kept AS SELECT * FROM patient; TRUNCATE patient; INSERT INTO patient SELECT * FROM kept; DROP TABLE kept});
$size = sealed();
is($node->safe_psql('postgres', q{SELECT count(*) FROM custody.log_state WHERE row_set IS NULL}), '0', 'all sets are known');
is(found('', ''), '', 'and the comparison row by row confirms them');
is(found('', "since => $size"), '', 'settled');
cmp_ok(reads("since => $size"), '<', 60, 'the history is not read');

my @tampers = (
	[ 'nothing', 'SELECT 1' ],
	[ 'one value', unseen('patient', 'UPDATE patient SET dose = dose * 2 WHERE id = 60') ],
	[ 'a row removed', unseen('patient', 'DELETE FROM patient WHERE id = 61') ],
	[ 'a row added', unseen('patient', q{INSERT INTO patient VALUES (9000, 'forged')}) ],
	[ 'two values swapped', unseen('patient', q{UPDATE patient SET dose = CASE id WHEN 70 THEN (SELECT dose FROM patient WHERE id = 71)
		ELSE (SELECT dose FROM patient WHERE id = 70) END WHERE id IN (70, 71)}) ],
	[ 'one of equal rows removed', unseen('reading', 'DELETE FROM reading WHERE ctid = (SELECT ctid FROM reading WHERE value = 2 LIMIT 1)') ],
	[ 'one of equal rows for another', unseen('reading', 'UPDATE reading SET value = 0 WHERE ctid = (SELECT ctid FROM reading WHERE value = 2 LIMIT 1)') ],
	[ 'a table emptied', unseen('reading', 'TRUNCATE reading') ],
	[ 'a row in a partition', unseen('obs1', q{UPDATE obs1 SET v = 'x' WHERE id = 10}) ],
	[ 'a row in another partition', unseen('obs1 obs2', q{UPDATE obs SET at = at - 31 WHERE id = 2}) ],
	[ 'a partition left', "$asleep ALTER TABLE obs DETACH PARTITION obs2; $awake" ],
	[ 'a table dropped', "$asleep DROP TABLE patient; $awake" ],
	[ 'a column retyped', "$asleep ALTER TABLE patient ALTER dose TYPE numeric(8,1); $awake" ],
	[ 'triggers off', "$asleep ALTER TABLE patient DISABLE TRIGGER ALL; $awake" ],
	[ 'a protection gone', 'DELETE FROM custody.log_relation WHERE relation_id = 1' ],
	[ 'a key exchanged', q{UPDATE custody.log_key SET verifier_key = 'x+00000000+AAAA'} ],
	[ 'a definition altered', q{UPDATE custody.log_schema SET definition = set_byte(definition, 9, get_byte(definition, 9) # 1) WHERE version = 2} ],
);

# Whatever is found from the beginning is found since the last size, too; there
# the checkpoint of that size is held against the stored keys as well.
foreach my $t (@tampers)
{
	my ($name, $sql) = @$t;
	my $since = found($sql, "since => $size");
	$since =~ s/^tampering\|checkpoint_mismatch\n//m if $name eq 'a key exchanged';
	is($since, found($sql, ''), $name);
}

# Sets and events that were altered, or do not lead to the header
foreach my $sql (q{UPDATE custody.log_state SET row_set = set_byte(row_set, 100, get_byte(row_set, 100) # 1) WHERE version = 2},
	q{UPDATE custody.log_state SET row_set = NULL WHERE version = 2},
	q{UPDATE custody.log_state SET row_set = '\x00' WHERE version = 2},
	q{UPDATE custody.log_state SET relation_id = 9 WHERE version = 2},
	q{DELETE FROM custody.log_state WHERE version = 2},
	q{INSERT INTO custody.log_state VALUES (0, 0)},
	q{INSERT INTO custody.log_state SELECT 77, relation_id, row_set FROM custody.log_state WHERE version = 2},
	q{DELETE FROM custody.log_event WHERE leaf_index = (SELECT min(leaf_index) FROM custody.log_event)},
	q{DELETE FROM custody.log_event WHERE leaf_index = (SELECT max(leaf_index) FROM custody.log_event)},
	q{INSERT INTO custody.log_event SELECT max(leaf_index) + 1, '\x00' FROM custody.log_event},
	q{UPDATE custody.log_event SET chain = set_byte(chain, 0, get_byte(chain, 0) # 1)})
{
	is(found($sql, ''), 'tampering|state_altered|custody.log_state', $sql);
	is(found($sql, "since => $size"), 'tampering|state_altered|custody.log_state', "since: $sql");
}

# A set altered together with the row, and then sealed over: the sealer does not carry it on.
$node->safe_psql('postgres', unseen('patient', 'UPDATE patient SET dose = 1 WHERE id = 60'));
$node->safe_psql('postgres', q{UPDATE custody.log_state SET row_set = set_byte(row_set, 9, get_byte(row_set, 9) # 1)});
$node->safe_psql('postgres', q{INSERT INTO reading VALUES ('2026-06-06', 6)});
my $later = sealed();
is($node->safe_psql('postgres', 'SELECT count(*) FROM custody.log_state WHERE row_set IS NOT NULL'), '0', 'no set is known any more');
is($node->safe_psql('postgres', "SELECT DISTINCT relation FROM custody.verify(since => $later) WHERE code = 'capture_gap' AND relation IS NOT NULL"),
	'public.patient', 'switching its triggers off left a gap');
$known = q{WHERE code NOT IN ('capture_gap', 'environment_changed')};
like(found('', "since => $later"), qr/^tampering\|row_changed\|public.patient\|\{"id": 60\}$/, 'and the row is found');
$node->safe_psql('postgres', unseen('patient', 'UPDATE patient SET dose = 90 WHERE id = 60'));
is(found('', "since => $later"), '', 'put back, nothing is');

# Growth since a size, sealed and not
$node->safe_psql('postgres', q{TRUNCATE patient; TRUNCATE reading; TRUNCATE obs;
	INSERT INTO patient SELECT i, 'p', NULL, NULL, i FROM generate_series(1, 100) i;
	INSERT INTO reading SELECT '2026-01-01', i % 5 FROM generate_series(1, 100) i});
$size = sealed();
$node->safe_psql('postgres', $_) foreach (
	q{UPDATE patient SET dose = dose + 1 WHERE id < 50; DELETE FROM patient WHERE id > 90; UPDATE patient SET id = id + 500 WHERE id < 5},
	q{DELETE FROM reading WHERE value = 1; UPDATE reading SET value = 9 WHERE value = 2},
	q{INSERT INTO obs VALUES (1, '2026-01-05', 'a'), (2, '2026-02-05', 'b'); UPDATE obs SET at = '2026-02-06' WHERE id = 1});
sealed();
$node->safe_psql('postgres', q{UPDATE patient SET name = 'not sealed' WHERE id = 60; DELETE FROM reading WHERE value = 3});
is(found('', "since => $size"), '', 'changes since, sealed and not');
cmp_ok(reads("since => $size"), '<', 60, 'are all that is read');
is(found(unseen('patient', 'UPDATE patient SET dose = 0 WHERE id = 70'), "since => $size"),
	'tampering|row_changed|public.patient|{"id": 70}', 'and the row changed behind is found');
is(found('', ''), '', 'from the beginning');

# One table, while another is not known
$node->safe_psql('postgres', 'ALTER TABLE reading ADD note text');
$size = sealed();
is(found('', "relation => 'patient', since => $size"), '', 'one table');
cmp_ok(reads("relation => 'patient', since => $size"), '<', 60, 'is settled alone');
is(found('', "since => $size"), '', 'all of them');

done_testing();
