#!/usr/bin/perl
#
# custody.seal() without preload: what it seals, in which order, exactly once,
# whatever the database's defaults are.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('seal', init => { allows_streaming => 1 }, conf => "max_prepared_transactions = 5\n");

# The first seal
$node->safe_psql('postgres', 'CREATE EXTENSION pg_custody');
fails_with($node, 'SELECT custody.checkpoint()', '55000', 'nothing has been sealed yet',
	'no checkpoint before the first seal');
fails_with($node, 'SELECT custody.verifier_key()', '55000', 'nothing has been sealed yet',
	'no verifier key before the first seal');
is($node->safe_psql('postgres', 'SELECT custody.seal()'), '3',
	'the first seal holds a block header, the key entry and the environment');
is($node->safe_psql('postgres', 'SELECT custody.seal()'), '3',
	'nothing new, no block');
is($node->safe_psql('postgres', 'SELECT custody.seal() FROM generate_series(1, 3)'), "3\n3\n3",
	'several in one statement');

$node->safe_psql('postgres', q{
	CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n text);
	SELECT custody.protect('t');
	INSERT INTO t (n) VALUES ('a')});
my $size = $node->safe_psql('postgres', 'SELECT custody.seal()');
my @note = split /\n/, $node->safe_psql('postgres', 'SELECT custody.checkpoint()');
is($note[1], $size, 'the latest checkpoint is of the size that was sealed');
is($note[0], (split /\+/, $node->safe_psql('postgres', 'SELECT custody.verifier_key()'))[0],
	'origin is the name of the key');
like($note[0], qr{^pg-custody/[0-9a-f]{32}$}, 'default origin');
fails_with($node, 'SELECT custody.checkpoint(2)', '42704', 'no checkpoint of size 2',
	'a size that was not signed');
fails_with($node, 'SELECT custody.verifier_key(7)', '42704', 'no key epoch 7', 'an epoch that is not');
fails_with($node, 'SELECT custody.leaf(1000)', '42704', 'no leaf 1000', 'a leaf that is not');
is($node->safe_psql('postgres', q{
		SELECT count(*) FROM custody.log_leaf
		WHERE sha256('\x00'::bytea || custody.leaf(leaf_index)) = leaf_hash}),
	$size, 'custody.leaf() gives what was hashed');
sealed_once($node, 'first blocks');

# Privileges
$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN');
foreach my $call ('seal()', "new_incarnation('x')", 'checkpoint()', 'leaf(0)')
{
	my ($ret, $out, $err) = $node->psql('postgres', "SET ROLE nobody; SELECT custody.$call");
	like($err, qr/permission denied/, "$call is not for everybody");
}

# A transaction that stays open is sealed after it commits, and once.
my $open = $node->background_psql('postgres');
$open->query_safe(q{BEGIN; INSERT INTO t (n) VALUES ('open')});
$node->safe_psql('postgres', q{
	BEGIN; INSERT INTO t (n) VALUES ('prepared'); PREPARE TRANSACTION 'p'});
foreach my $n (1 .. 3)
{
	$node->safe_psql('postgres', "INSERT INTO t (n) VALUES ('later')");
	my $before = $size;
	$size = $node->safe_psql('postgres', 'SELECT custody.seal()');
	is($size, $before + 2, "transaction $n is sealed past the open ones");
}
$open->query_safe('COMMIT');
$open->quit;
is($node->safe_psql('postgres', 'SELECT custody.seal()'), $size + 2, 'the open one follows');
is($node->safe_psql('postgres', 'SELECT custody.seal()'), $size + 2, 'and only once');
$node->safe_psql('postgres', "COMMIT PREPARED 'p'");
is($node->safe_psql('postgres', 'SELECT custody.seal()'), $size + 4, 'the prepared one follows');
$node->safe_psql('postgres', q{
	BEGIN; INSERT INTO t (n) VALUES ('undone'); ROLLBACK;
	BEGIN; INSERT INTO t (n) VALUES ('undone'); PREPARE TRANSACTION 'q'; ROLLBACK PREPARED 'q'});
is($node->safe_psql('postgres', 'SELECT custody.seal()'), $size + 4, 'what was rolled back is not sealed');
is($node->safe_psql('postgres', q{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		INSERT INTO t (n) VALUES ('own');
		SELECT custody.seal();
		COMMIT}),
	$size + 4, 'the own transaction is not sealed before it commits');
sealed_once($node, 'open and prepared transactions') if $node->safe_psql('postgres', 'SELECT custody.seal()');

# Defaults made for applications
$node->safe_psql('postgres', q{
	CREATE SCHEMA evil;
	CREATE FUNCTION evil.wrong(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
	CREATE OPERATOR evil.= (FUNCTION = evil.wrong, LEFTARG = bigint, RIGHTARG = bigint);
	ALTER DATABASE postgres SET default_transaction_read_only = on;
	ALTER DATABASE postgres SET default_transaction_isolation = 'serializable';
	ALTER DATABASE postgres SET default_transaction_deferrable = on;
	ALTER DATABASE postgres SET statement_timeout = '1ms';
	ALTER DATABASE postgres SET lock_timeout = '1ms';
	ALTER DATABASE postgres SET idle_in_transaction_session_timeout = '1ms';
	ALTER DATABASE postgres SET search_path = evil, pg_catalog;
	ALTER DATABASE postgres SET synchronous_commit = off;
	ALTER DATABASE postgres SET row_security = off;
	ALTER DATABASE postgres SET session_replication_role = replica;
	ALTER DATABASE postgres SET DateStyle = 'German';
	ALTER DATABASE postgres SET bytea_output = 'escape';
	ALTER DATABASE postgres SET custody.context_actor = 'somebody'});
$size = $node->safe_psql('postgres', 'SET statement_timeout = 0; SELECT custody.seal()');
is($node->safe_psql('postgres', q{
		SET statement_timeout = 0;
		SET default_transaction_read_only = off;
		INSERT INTO public.t (n) VALUES ('x');
		SELECT custody.seal()}),
	$size + 2, 'seals whatever the defaults of the database are');
$node->safe_psql('template1', 'ALTER DATABASE postgres RESET ALL');

# Many callers at once
my $script = $node->basedir . '/seal.sql';
spew($script, q{
	INSERT INTO t (n) VALUES ('many');
	SELECT custody.seal();
});
$node->command_ok(
	[ 'pgbench', '-n', '-c', '4', '-j', '2', '-t', '25', '-f', $script, 'postgres' ],
	'seals at once');
sealed_once($node, 'seals at once');

# A block is signed when it is on the synchronous standbys, not before.
my $memory = ledger_folder($node) . '/signed';
my $signed = slurp($memory);
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'none_such'\n");
$node->restart;
$node->safe_psql('postgres', "SET synchronous_commit = local; INSERT INTO t (n) VALUES ('synchronous')");
my $caller = $node->background_psql('postgres');
$caller->query_until(qr/begun/, "\\echo begun\nSELECT custody.seal();\n");
ok($node->poll_query_until('postgres', q{
		SELECT count(*) = 1 FROM pg_stat_activity
		WHERE backend_type = 'pg_custody seal' AND wait_event = 'SyncRep'}),
	'the seal waits for the standby');
is(slurp($memory), $signed, 'nothing is signed meanwhile');
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$node->reload;
$caller->quit;
isnt(slurp($memory), $signed, 'it is signed afterwards');
sealed_once($node, 'a synchronous standby');

# One large block, of more rows than are kept in memory, and the tiles above the
# first level
$node->append_conf('postgresql.conf', "maintenance_work_mem = 1MB\n");
$node->reload;
$node->safe_psql('postgres', q{
	DO $$ BEGIN FOR i IN 1 .. 66000 LOOP INSERT INTO t (n) VALUES ('tile'); COMMIT; END LOOP; END $$});
$size = $node->safe_psql('postgres', 'SELECT custody.seal()');
is($node->safe_psql('postgres', q{
		SELECT level, count(*), min(tile_index), max(tile_index), min(length(hashes)), max(length(hashes))
		FROM custody.log_tile GROUP BY level ORDER BY level}),
	sprintf("0|%d|0|%d|8192|8192\n1|1|0|0|8192|8192", $size / 256, $size / 256 - 1),
	'full tiles at both levels');
sealed_once($node, 'a large block');
verifies_clean($node, 'at the end');

# A transaction that has a leaf is passed over, whatever the snapshot says
my $insert = "INSERT INTO t (n) VALUES ('passed over');\n";
$node->safe_psql('postgres', $insert x 3 . 'SELECT custody.seal()');
$node->safe_psql('postgres', $insert x 2);
my $without_block = q{
	BEGIN;
	SET LOCAL session_replication_role = replica;
	DELETE FROM custody.log_block WHERE block_no = (SELECT max(block_no) FROM custody.log_block);
	SELECT unsealed_transactions FROM custody.status;
	DELETE FROM custody.log_leaf WHERE leaf_index = (SELECT max(leaf_index) - 1 FROM custody.log_leaf);
	SELECT unsealed_transactions FROM custody.status;
	ROLLBACK};
is($node->safe_psql('postgres', $without_block), "2\n3",
	'what has a leaf is not taken up again, and what has none is');
$node->safe_psql('postgres', 'SELECT custody.seal()');
sealed_once($node, 'after that');

# No process to seal with
$node->append_conf('postgresql.conf', "max_worker_processes = 0\n");
$node->restart;
fails_with($node, 'SELECT custody.seal()', '53000', 'could not start a process.*max_worker_processes',
	'no worker slot');
is($node->safe_psql('postgres', 'SELECT length(custody.checkpoint()) > 0'), 't',
	'what was sealed can still be read');
$node->stop;

done_testing();
