#!/usr/bin/perl
#
# Changes that reach a protected table by other ways than a client's statement:
# prepared transactions, replication, COPY, dump and restore, a crash.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('capture',
	preload => 1,
	init => { allows_streaming => 'logical' },
	conf => "custody.seal_interval = '1h'\nmax_prepared_transactions = 10\n");
add_ledger($node);

sub seal
{
	my ($which) = @_;
	return ($which // $node)->safe_psql('postgres', 'SELECT custody.seal()');
}

sub operations
{
	my ($id, $which) = @_;
	return ($which // $node)->safe_psql('postgres',
		qq{SELECT string_agg(operation, ' ' ORDER BY ordinality)
		   FROM custody.history('t', jsonb_build_object('id', $id)) WITH ORDINALITY});
}

seal();

# Prepared transactions: sealed when they commit, not when they were prepared.
$node->safe_psql('postgres', q{
	BEGIN;
	INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1001, 'prepared');
	SAVEPOINT s;
	INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1002, 'rolled back');
	ROLLBACK TO s;
	PREPARE TRANSACTION 'later';
	BEGIN;
	INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1003, 'never');
	PREPARE TRANSACTION 'never';
	INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1004, 'between');
});
is(operations(1001), '', 'a prepared transaction is not in the history');
my $size = seal();
verifies_clean($node, 'while transactions are prepared');
$node->restart;
$node->safe_psql('postgres', q{
	COMMIT PREPARED 'later';
	ROLLBACK PREPARED 'never';
});
cmp_ok(seal(), '>', $size, 'what was prepared is sealed after it committed');
is(operations(1001), 'insert', 'and is in the history');
is(operations(1002), '', 'its rolled back savepoint is not');
is(operations(1003), '', 'nor is what was rolled back');
verifies_clean($node, 'after COMMIT and ROLLBACK PREPARED');
sealed_once($node, 'prepared transactions');

# COPY of many rows is one leaf.
my $data = $node->basedir . '/rows';
spew($data, join('', map { "$_\trow number $_\n" } 100_001 .. 200_000));
$size = seal();
$node->safe_psql('postgres', qq{\\copy t FROM '$data'});
is(seal() - $size, 2, 'COPY of 100,000 rows is one leaf, beside the block header');
is($node->safe_psql('postgres', q{SELECT max(entries) FROM custody.transactions}),
	100_000, 'with an entry for each row');
verifies_clean($node, 'COPY');

# The replica role, and triggers disabled for it.
$node->safe_psql('postgres', q{
	SET session_replication_role = replica;
	UPDATE t SET n = 'as replica' WHERE id = 1001;
	DELETE FROM t WHERE id = 1004;
});
is(operations(1001), 'insert update', 'the replica role is captured');
is(operations(1004), 'insert delete', 'also its deletes');

# Logical replication apply.
my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical');
$publisher->start;
$publisher->safe_psql('postgres', q{
	CREATE TABLE t (id bigint PRIMARY KEY, n text);
	INSERT INTO t VALUES (1, 'copied'), (2, 'copied too');
	CREATE PUBLICATION p FOR TABLE t;
});
my $connection = $publisher->connstr . ' dbname=postgres';
$node->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '$connection' PUBLICATION p");
$node->wait_for_subscription_sync($publisher, 's');
is(operations(1), 'insert', 'rows of the initial copy are captured');
$publisher->safe_psql('postgres', q{
	UPDATE t SET n = 'replicated' WHERE id = 1;
	DELETE FROM t WHERE id = 2;
	INSERT INTO t VALUES (3, 'new');
	TRUNCATE t;
	INSERT INTO t VALUES (4, 'after');
});
$publisher->wait_for_catchup('s');
is(operations(1), 'insert update truncate', 'so are replicated changes');
is(operations(2), 'insert delete', 'deletes');
is(operations(4), 'insert', 'and inserts');
like($node->safe_psql('postgres',
		q{SELECT DISTINCT replication_origin FROM custody.transactions WHERE replication_origin IS NOT NULL}),
	qr/^pg_\d+/m, 'with the name of their origin');
$node->safe_psql('postgres', 'DROP SUBSCRIPTION s');
$publisher->stop;
seal();
verifies_clean($node, 'replicated changes');

# Dump and restore into another database: the ledger goes on there.
$node->safe_psql('postgres', q{
	CREATE TABLE doc (id int PRIMARY KEY, gone int, body text);
	ALTER TABLE doc DROP COLUMN gone;
	CREATE TABLE lab (id int, day date) PARTITION BY RANGE (day);
	CREATE TABLE lab_2026 PARTITION OF lab FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
	INSERT INTO doc SELECT i, repeat(md5(i::text), 200) FROM generate_series(1, 20) i;
	SELECT custody.protect('doc'), custody.protect('lab');
	INSERT INTO lab VALUES (1, '2026-04-05');
	UPDATE doc SET id = id + 100 WHERE id > 10;
});
seal();
$node->safe_psql('postgres', q{UPDATE doc SET body = 'not sealed before the dump' WHERE id = 1});
my $dump = $node->basedir . '/dump';
foreach my $format ('plain', 'custom')
{
	my $database = "restored_$format";
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->command_ok([ 'pg_dump', '-F', $format, '-f', $dump, 'postgres' ], "dump, $format");
	$node->command_ok($format eq 'plain'
		? [ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $database, '-f', $dump ]
		: [ 'pg_restore', '-e', '-d', $database, $dump ], "restore, $format");
	is($node->safe_psql($database, q{SELECT string_agg(operation, ' ' ORDER BY ordinality)
		FROM custody.history('doc', '{"id": 1}') WITH ORDINALITY}),
		'baseline update', "$format: history came along");
	$node->safe_psql($database, q{
		UPDATE doc SET body = body || 'x' WHERE id IN (1, 111);
		INSERT INTO lab VALUES (2, '2026-04-06');
	});
	$node->safe_psql($database, 'SELECT custody.seal()');
	verifies_clean($node, "$format: the restored copy, after changes", $database);
	is($node->safe_psql($database, q{SELECT count(*) FROM custody.history('doc') WHERE operation = 'baseline'}),
		20, "$format: restoring recorded nothing");
}
verifies_clean($node, 'the original');

# Crash with entries that are not sealed.
$node->safe_psql('postgres', q{UPDATE t SET n = 'before the crash' WHERE id = 4});
my $writer = $node->background_psql('postgres');
$writer->query_safe(q{BEGIN});
$writer->query_safe(q{INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1005, 'lost')});
$node->stop('immediate');
eval { $writer->quit };
$node->start;
seal();
is(operations(4), 'insert update', 'what committed before a crash is in the ledger');
is(operations(1005), '', 'what had not is not');
verifies_clean($node, 'after a crash');
sealed_once($node, 'after a crash');

done_testing();
