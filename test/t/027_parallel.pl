#!/usr/bin/perl
#
# Verification with parallel workers: that there are any, that they change
# nothing about what is found or in which order, that verification goes on
# without them, and that it stops with them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyFixture;
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('parallel', conf => "custody.seal_interval = '1h'\nautovacuum = off\n");
add_fixture($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE TABLE observation (id int PRIMARY KEY, patient int, value numeric, note text);
	SELECT custody.protect('observation', 'patient');
	CREATE TABLE plain (a int, b text);
	SELECT custody.protect('plain');
	CREATE PROCEDURE fill(first int, last int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN first .. last LOOP
			INSERT INTO observation SELECT i * 100 + j, i, j / 7.0, 'n' || j FROM generate_series(1, i % 90 + 1) j;
			IF i % 10 = 0 THEN COMMIT; PERFORM custody.seal(); END IF;
			COMMIT;
		END LOOP;
	END $$;
	INSERT INTO plain SELECT i % 100, 'b' FROM generate_series(1, 1000) i});
$node->safe_psql('postgres', q{CALL fill(1, 300)});
$node->safe_psql('postgres', $_)
  foreach q{INSERT INTO observation SELECT -i FROM generate_series(1, 70000) i}, q{UPDATE observation SET value = 1 WHERE id % 5 = 0},
  q{DELETE FROM observation WHERE id % 7 = 0}, q{UPDATE plain SET b = 'c' WHERE a < 10}, 'SELECT custody.seal()',
  q{UPDATE observation SET note = 'not sealed' WHERE id = 101};

my $alone = 'SET max_parallel_maintenance_workers = 0;';
my $together = 'SET min_parallel_table_scan_size = 0; SET max_parallel_maintenance_workers = 2;';
my $findings = q{SELECT severity, code, relation, row_key, leaf_index, message, detail FROM custody.verify(%s)};

# Findings, and how many workers there were for leaves or tables.
sub found
{
	my ($database, $settings, $args) = @_;
	my ($out, $err) = ('', '');

	$node->psql($database, "SET client_min_messages = debug1; $settings" . sprintf($findings, $args // ''),
		stdout => \$out, stderr => \$err);
	my @workers = $err =~ /verification reads .* ahead with (\d+) workers/g;
	return ($out, join(' ', @workers));
}

sub is_same
{
	my ($name, $database, $args, $pattern, $alone_too) = @_;
	my ($expected, $none) = found($database, $alone, $args);
	my ($got, $workers) = found($database, $together, $args);

	is($none, '', "$name: alone");
	like($workers, qr/^[12]( [12])?$/, "$name: with workers") unless $alone_too;
	is($got, $expected, "$name: the same findings in the same order");
	like($expected, $pattern, "$name: found");
}

# Silence
my $size = $node->safe_psql('postgres', q{SELECT tree_size FROM custody.log_block WHERE block_no = 20});
is_same('a sound ledger', 'postgres', '', qr/^$/);
is_same('a sound ledger, since a size', 'postgres', "since => $size", qr/^$/);
is_same('one table', 'postgres', "'plain'", qr/^$/);
is((found('postgres', 'SET min_parallel_table_scan_size = \'1GB\'; SET max_parallel_maintenance_workers = 2;'))[1], '',
	'no workers for a little');

# Workers that cannot be had
is(join('|', found('postgres', "$together SET max_parallel_workers = 0;")), '|', 'none to be had: verification goes on alone');

# Everywhere at once, so that there are findings of each kind between each other.
my $unseen = q{ALTER TABLE %s DISABLE TRIGGER ALL; %s; ALTER TABLE %1$s ENABLE ALWAYS TRIGGER "!custody_capture";
	ALTER TABLE %1$s ENABLE ALWAYS TRIGGER "!custody_truncate"};
my $rewrite = q{UPDATE custody.%s SET %s = set_byte(%2$s, length(%2$s) - %d, get_byte(%2$s, length(%2$s) - %3$d) # 1) WHERE %s};
my $not_unique = q{UPDATE pg_index SET indisunique = false WHERE indrelid = 'custody.log_leaf'::regclass};
my %tampers = (
	rows => [ sprintf($unseen, 'observation', q{UPDATE observation SET value = 0 WHERE id % 1000 = 1; DELETE FROM observation WHERE id % 1000 = 2;
			INSERT INTO observation SELECT 1000000 + i FROM generate_series(1, 20) i}),
		sprintf($unseen, 'plain', q{DELETE FROM plain WHERE a = 20; INSERT INTO plain VALUES (7, 'forged')}) ],
	overwritten => [ sprintf($unseen, 'observation', q{UPDATE observation SET value = 0 WHERE id BETWEEN 20001 AND 20009}),
		q{UPDATE observation SET note = 'honest' WHERE id BETWEEN 20001 AND 20009; SELECT custody.seal()} ],
	entries => [ sprintf($rewrite, 'log_transaction', 'entries', 3, 'txn_no % 13 = 0 AND length(entries) > 9'),
		sprintf($rewrite, 'log_chunk', 'entries', 50, 'first_entry % 11 = 0') ],
	records => [ sprintf($rewrite, 'log_transaction', 'record', 20, 'txn_no % 17 = 0') ],
	leaves => [ sprintf($rewrite, 'log_leaf', 'root', 5, 'leaf_index % 19 = 7'), sprintf($rewrite, 'log_leaf', 'leaf_hash', 5, 'leaf_index % 23 = 7'),
		sprintf($rewrite, 'log_leaf', 'marks', 1, 'leaf_index % 29 = 7 AND length(marks) > 0') ],
	'leaves gone' => [ q{DELETE FROM custody.log_leaf WHERE leaf_index % 31 = 30} ],
	'headers gone' => [ q{DELETE FROM custody.log_block WHERE block_no % 4 = 1} ],
	'leaves moved' => [ q{UPDATE custody.log_leaf SET leaf_index = leaf_index + 1000000 WHERE leaf_index % 37 = 5} ],
	'leaves twice' => [ $not_unique, q{INSERT INTO custody.log_leaf SELECT * FROM custody.log_leaf WHERE leaf_index % 41 = 3} ],
	'transactions twice' => [ $not_unique,
		q{UPDATE custody.log_leaf l SET txn_no = o.txn_no, xact_id = o.xact_id, leaf_hash = o.leaf_hash, root = o.root, marks = o.marks
			FROM custody.log_leaf o WHERE o.leaf_index = l.leaf_index + 1 AND l.leaf_index % 43 = 20} ],
	'a transaction where a header stands' => [ q{UPDATE custody.log_block SET tree_size = tree_size - 1 WHERE block_no % 5 = 2} ],
	definitions => [ sprintf($rewrite, 'log_schema', 'definition', 1, 'version % 3 = 0') ],
	'a table of another' => [ q{UPDATE custody.log_schema SET leaf = 'plain'::regclass WHERE leaf = 'observation'::regclass} ],
	lookups => [ q{DELETE FROM custody.log_lookup WHERE ctid = (SELECT max(ctid) FROM custody.log_lookup)} ]);

foreach my $name (sort keys %tampers)
{
	$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE postgres');
	$node->safe_psql('copy', $_) foreach 'ALTER EVENT TRIGGER custody_ddl DISABLE', @{ $tampers{$name} };
	is_same($name, 'copy', '', $name eq 'lookups' ? qr/^warning/m : qr/^tampering/m);
	# Where set hashes do not settle it, nothing is read ahead.
	is_same("$name, since a size", 'copy', "since => $size", qr/^tampering/m, 1) unless $name eq 'lookups';
	$node->safe_psql('postgres', 'DROP DATABASE copy');
}

# What a worker raises, and what stops one
my $workers = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'};
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE postgres');
$node->safe_psql('copy', $_) foreach 'ALTER TABLE custody.log_transaction ALTER entries DROP NOT NULL',
	q{UPDATE custody.log_transaction SET entries = NULL WHERE txn_no % 2 = 0};
my $err = '';
$node->psql('copy', "$together SELECT * FROM custody.verify()", stderr => \$err);
like($err, qr/is NULL/, 'an error in a worker ends verification');
$node->poll_query_until('postgres', $workers, '0') or die 'workers remain';
$node->psql('postgres', "$together SET statement_timeout = '40ms'; SELECT * FROM custody.verify()", stderr => \$err);
like($err, qr/statement timeout/, 'cancelled');
ok($node->poll_query_until('postgres', $workers, '0'), 'and no worker remains');
is_same('afterwards', 'postgres', '', qr/^$/);

done_testing();
