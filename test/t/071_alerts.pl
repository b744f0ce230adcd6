#!/usr/bin/perl
#
# Scheduled verification: when it runs, and whom it tells.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('alerts', preload => 1,
	conf => "custody.verify_interval = 1\ncustody.full_verify_at = ''\nlog_timezone = 'UTC'\n");
add_ledger($node);
$node->safe_psql('postgres', q{INSERT INTO t (n) SELECT 'x' || i FROM generate_series(1, 20) i});
wait_until_sealed($node);

sub inspections
{
	return $node->safe_psql('postgres', "SELECT count(*) FROM custody.log_inspection" . (@_ ? " WHERE $_[0]" : ''));
}

sub wait_for_inspections
{
	my ($condition, $name) = @_;
	ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM custody.log_inspection WHERE $condition"), $name);
}

is($node->safe_psql('postgres', 'SELECT verified_at IS NULL, findings IS NULL FROM custody.status'), 't|t', 'nothing before the first');

# Clean: the first is of everything, the next of what is new
wait_for_inspections('complete AND tampering = 0 AND warnings = 0', 'the first is complete and clean');
$node->safe_psql('postgres', q{INSERT INTO t (n) VALUES ('new')});
wait_until_sealed($node);
my $size = $node->safe_psql('postgres', 'SELECT tree_size FROM custody.status');
wait_for_inspections("NOT complete AND tree_size >= $size AND tampering = 0", 'then what is new is verified');
is($node->safe_psql('postgres', q{
		SELECT findings, verified_at >= verified_whole_at, NOT EXISTS (SELECT FROM unnest(alarms) a WHERE a LIKE 'verification%')
		FROM custody.status}), '0|t|t', 'status shows a clean result');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_custody inspector' AND state = 'idle'}), '0',
	'no process stays');

# At its time of day, everything, again
$node->safe_psql('postgres', q{
	UPDATE custody.log_inspection SET started_at = started_at - interval '1 day', finished_at = finished_at - interval '1 day'});
my $now = $node->safe_psql('postgres', q{SELECT to_char(now() AT TIME ZONE 'UTC', 'HH24:MI')});
$node->safe_psql('postgres', "ALTER SYSTEM SET custody.full_verify_at = '$now'");
$node->reload;
wait_for_inspections("complete AND started_at > now() - interval '1 hour'", 'everything is verified at its time of day');
my $complete = inspections('complete');
my $all = inspections();
ok($node->poll_query_until('postgres', "SELECT count(*) >= $all + 2 FROM custody.log_inspection"), 'what is new is verified after it');
is(inspections('complete'), $complete, 'and everything only once a day');

# Tampering is told to listeners, to the log and in status
my $offset = -s $node->logfile;
my $listener = IPC::Run::start(
	[ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \my $in, '>', \my $out, '2>', \my $err);
$in = "LISTEN custody_alert;\n\\echo listening\n";
$listener->pump until $out =~ /listening/;
$node->safe_psql('postgres', q{
	UPDATE pg_class SET relhastriggers = false WHERE oid = 't'::regclass;
	UPDATE t SET n = 'secret value' WHERE id = 7;
	UPDATE pg_class SET relhastriggers = true WHERE oid = 't'::regclass});
wait_for_inspections('tampering > 0', 'tampering is found');
foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	$in .= "SELECT 'tick';\n";
	$listener->pump_nb;
	last if $out =~ /Asynchronous/;
	select(undef, undef, undef, 0.1);
}
like($out, qr/Asynchronous notification "custody_alert" with payload "\{"tampering" : \d+, "warnings" : \d+, "tree_size" : \d+\}"/, 'listeners are notified');
$in .= "\\q\n";
$listener->finish;
ok(wait_for_log($node, qr/WARNING:  custody finding "row_changed" \(tampering\) in table public\.t, leaf \d+/, $offset), 'the log names table and leaf');
unlike(slurp_file($node->logfile, $offset) =~ s/^.*STATEMENT.*$|^.*statement:.*$//gmr, qr/custody finding.*(?:secret|"id")/, 'but neither key nor value');
like($node->safe_psql('postgres', q{SELECT findings > 0, array_to_string(alarms, ';') FROM custody.status}),
	qr/^t\|.*verification found tampering: \d+ findings/, 'status has an alarm');

# The alarm ends with its cause
my $last = $node->safe_psql('postgres', 'SELECT max(finished_at) FROM custody.log_inspection');
$node->safe_psql('postgres', q{
	UPDATE pg_class SET relhastriggers = false WHERE oid = 't'::regclass;
	UPDATE t SET n = 'x7' WHERE id = 7;
	UPDATE pg_class SET relhastriggers = true WHERE oid = 't'::regclass});
wait_for_inspections("tampering = 0 AND started_at > '$last'", 'a later verification finds none');
unlike($node->safe_psql('postgres', q{SELECT array_to_string(alarms, ';') FROM custody.status}), qr/tampering/, 'and the alarm is over');

# A verification that fails is an alarm, not a silence
$node->safe_psql('postgres', 'ALTER FUNCTION custody.verify(regclass, bigint, text[]) RENAME TO gone');
ok($node->poll_query_until('postgres', q{SELECT array_to_string(alarms, ';') LIKE '%verification: function custody.verify%' FROM custody.status}),
	'a failing verification is an alarm');
$node->safe_psql('postgres', 'ALTER FUNCTION custody.gone(regclass, bigint, text[]) RENAME TO verify');
ok($node->poll_query_until('postgres', q{SELECT array_to_string(alarms, ';') NOT LIKE '%verification:%' FROM custody.status}), 'until one succeeds');

# Settings
$node->safe_psql('postgres', q{ALTER SYSTEM SET custody.verify_interval = 0; ALTER SYSTEM SET custody.full_verify_at = ''});
$node->reload;
sleep 2;
$all = inspections();
sleep 3;
is(inspections(), $all, 'switched off, none is made');
fails_with($node, q{ALTER SYSTEM SET custody.full_verify_at = '24:00'}, '22023', 'invalid value for parameter "custody.full_verify_at"', 'a time of day there is not');

# A database with the inspector at work can be dropped
$node->safe_psql('postgres', 'CREATE DATABASE other');
add_ledger($node, 'other');
$node->safe_psql('postgres', 'DROP DATABASE other');
pass('a database can be dropped');

# So can the extension: each would else wait for a table that the other holds.
sub waits
{
	my ($condition, $name) = @_;
	ok($node->poll_query_until('postgres',
			"SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'third' AND wait_event_type = 'Lock' AND $condition"), $name);
}
$node->safe_psql('postgres', 'CREATE DATABASE third');
add_ledger($node, 'third');
$node->safe_psql('third', 'SELECT custody.seal()');
my $holder = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('third'),
		'-c', 'BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE', '-c', 'SELECT pg_sleep(600)' ], '>', \my $held, '2>', \my $ended);
ok($node->poll_query_until('third', q{SELECT count(*) = 1 FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock' AND granted}), 'a table is locked');
$node->safe_psql('postgres', 'ALTER SYSTEM SET custody.verify_interval = 1');
$node->reload;
waits(q{backend_type = 'pg_custody inspector'}, 'an inspector waits');
my $drop = IPC::Run::start([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('third'), '-c', 'DROP EXTENSION pg_custody CASCADE' ],
	'>', \my $printed, '2>', \my $error);
waits(q{query LIKE 'DROP EXTENSION%'}, 'DROP EXTENSION waits');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'third' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()});
$holder->finish;
ok($drop->finish, 'the extension can be dropped') or diag $error;
unlike(slurp_file($node->logfile), qr/deadlock detected/, 'without a deadlock');

done_testing();
