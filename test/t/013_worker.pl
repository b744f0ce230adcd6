#!/usr/bin/perl
#
# The preloaded library: a sealer in every database that has the extension,
# and in no other; commits that wait for their seal; what happens to a sealer
# that cannot work or stands in the way.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('worker', preload => 1, conf => "max_worker_processes = 20\n");

sub sealers
{
	my ($database) = @_;
	return "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_custody sealer' AND datname = '$database'";
}

sub sealer_pid
{
	my ($database) = @_;
	return $node->safe_psql('postgres', sealers($database) =~ s/count\(\*\)/pid/r);
}

# A database without the extension has no sealer, and nothing is begun before
# something is protected.
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_custody launcher'"),
	'launcher runs');
is($node->safe_psql('postgres', sealers('postgres')), '0', 'no sealer without the extension');
ok(!-e key_directory($node), 'no key directory without a ledger');

add_ledger($node);
ok($node->poll_query_until('postgres', sealers('postgres'), '1'), 'a sealer comes when a table is protected');
wait_until_sealed($node);
sealed_once($node, 'sealed without being asked');

# Every database has its own
foreach my $database ('one', 'two', 'three')
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	add_ledger($node, $database);
	$node->safe_psql($database, "INSERT INTO t (n) VALUES ('x')");
}
foreach my $database ('one', 'two', 'three')
{
	wait_until_sealed($node, $database);
	sealed_once($node, "database $database", $database);
}

# Commits that wait
$node->safe_psql('postgres', q{
	SET custody.synchronous_seal = on;
	INSERT INTO t (n) VALUES ('synchronous')});
sealed_once($node, 'a synchronous commit');
my $script = $node->basedir . '/sync.sql';
spew($script, "INSERT INTO t (n) VALUES ('many');\nSELECT count(*) FROM custody.log_transaction;\n");
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET custody.synchronous_seal = on');
$node->command_ok([ 'pgbench', '-n', '-c', '8', '-j', '2', '-t', '20', '-f', $script, 'postgres' ],
	'many synchronous commits');
sealed_once($node, 'many synchronous commits');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET custody.synchronous_seal');

# custody.seal() beside the sealer
spew($script, "INSERT INTO t (n) VALUES ('both');\nSELECT custody.seal();\n");
$node->append_conf('postgresql.conf', "custody.seal_interval = '10ms'\n");
$node->reload;
$node->command_ok([ 'pgbench', '-n', '-c', '4', '-j', '2', '-t', '30', '-f', $script, 'postgres' ],
	'custody.seal() beside the sealer');
wait_until_sealed($node);
sealed_once($node, 'both at once');

# Heartbeats
my $blocks = $node->safe_psql('postgres', 'SELECT count(*) FROM custody.log_block');
$node->append_conf('postgresql.conf', "custody.heartbeat_interval = '1s'\n");
$node->reload;
ok($node->poll_query_until('postgres', "SELECT count(*) > $blocks + 1 FROM custody.log_block"),
	'an idle ledger seals empty blocks');
$node->append_conf('postgresql.conf', "custody.heartbeat_interval = 0\n");
$node->reload;
wait_until_sealed($node);
sealed_once($node, 'heartbeats');

# A sealer that cannot work says so, goes on trying, and recovers.
my $memory = ledger_folder($node) . '/signed';
my $offset = -s $node->logfile;
rename $memory, "$memory.aside" or die $!;
wait_for_log($node, qr/ERROR:  signer's memory in .* is missing/, $offset);
my $pid = sealer_pid('postgres');
like($node->safe_psql('postgres', 'SELECT alarms FROM custody.status'), qr/memory/, 'an alarm shows it');
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe('SET custody.synchronous_seal = on');
foreach my $end ('cancel', 'terminate')
{
	$session->query_until(qr/waiting/, "\\echo waiting\nINSERT INTO t (n) VALUES ('$end');\n\\echo over\n");
	ok($node->poll_query_until('postgres', qq{
			SELECT count(*) = 1 FROM pg_stat_activity
			WHERE wait_event_type = 'Extension' AND query LIKE '%$end%' AND pid <> pg_backend_pid()
			  AND backend_type = 'client backend'}),
		'a commit waits');
	is($node->safe_psql('postgres', "SELECT count(*) FROM t WHERE n = '$end'"), '1', 'and has committed');
	$node->safe_psql('postgres',
		"SELECT pg_${end}_backend(pid) FROM pg_stat_activity WHERE query LIKE '%$end%' AND pid <> pg_backend_pid() AND backend_type = 'client backend'");
	if ($end eq 'cancel')
	{
		ok(pump_until($session->{run}, $session->{timeout}, \$session->{stdout}, qr/over/), 'cancelling ends the wait');
		like($session->{stderr}, qr/WARNING:  not waiting for the seal any longer: canceled/, 'with a warning');
		$session->{stdout} = '';
	}
	else
	{
		ok(pump_until($session->{run}, $session->{timeout}, \$session->{stderr}, qr/server closed the connection|terminat/),
			'and so does terminating');
	}
}
$session->{run}->kill_kill;
rename "$memory.aside", $memory or die $!;
$node->safe_psql('postgres', 'SELECT custody.seal()');
wait_until_sealed($node);
is(sealer_pid('postgres'), $pid, 'the same sealer goes on when the fault is repaired');
ok($node->poll_query_until('postgres', q{SELECT NOT alarms::text LIKE '%memory%' FROM custody.status}),
	'and the alarm is gone');
sealed_once($node, 'after a fault');

# A sealer that is ended comes back.
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
$node->safe_psql('postgres', "INSERT INTO t (n) VALUES ('back')");
wait_until_sealed($node);
isnt(sealer_pid('postgres'), $pid, 'a sealer that was terminated is replaced');
$pid = sealer_pid('postgres');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid); INSERT INTO t (n) VALUES ('cancel')");
wait_until_sealed($node);
is(sealer_pid('postgres'), $pid, 'cancelling does nothing to it');

# A synchronous commit finds no sealer yet.
$node->restart;
$node->safe_psql('two', "SET custody.synchronous_seal = on; INSERT INTO t (n) VALUES ('early')");
sealed_once($node, 'a synchronous commit right after start', 'two');

# Sealers make room for commands that need a database without sessions.
$offset = -s $node->logfile;
foreach my $sql ('CREATE DATABASE copy TEMPLATE one', 'ALTER DATABASE one RENAME TO uno',
	'DROP DATABASE two', 'DROP DATABASE three WITH (FORCE)')
{
	my ($database) = $sql =~ /(one|two|three)/;
	ok($node->poll_query_until('postgres', sealers($database), '1'), "sealer in $database");
	my ($ret, $out, $err) = $node->psql('postgres', $sql);
	is($err, '', "$sql succeeds");
}
unlike(slurp_file($node->logfile, $offset), qr/PANIC|terminated by signal/, 'nothing crashed');
$node->safe_psql('uno', "SET custody.synchronous_seal = on; INSERT INTO t (n) VALUES ('renamed')");
sealed_once($node, 'renamed', 'uno');
is($node->safe_psql('uno', 'SELECT count(*) FROM custody.log_incarnation'), '1', 'renaming is no new life');
$node->safe_psql('copy', "SET custody.synchronous_seal = on; INSERT INTO t (n) VALUES ('copied')");
sealed_once($node, 'copied', 'copy');
is($node->safe_psql('copy', 'SELECT count(*) FROM custody.log_incarnation'), '2', 'copying is one');

# Somebody who may not drop a database cannot send its sealer away.
$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN');
$pid = sealer_pid('postgres');
foreach my $sql ('DROP DATABASE postgres', 'ALTER DATABASE postgres RENAME TO p', 'CREATE DATABASE p TEMPLATE postgres')
{
	my ($ret, $out, $err) = $node->psql('uno', "SET ROLE nobody; $sql");
	like($err, qr/ERROR/, "nobody may not: $sql");
}
$node->safe_psql('postgres', "SET custody.synchronous_seal = on; INSERT INTO t (n) VALUES ('still')");
is(sealer_pid('postgres'), $pid, 'the sealer stayed');

# Without the extension the sealer goes, with it a new one comes.
$node->safe_psql('uno', 'DROP EXTENSION pg_custody CASCADE; DROP TABLE t');
ok($node->poll_query_until('postgres', sealers('uno'), '0'), 'no sealer after DROP EXTENSION');
add_ledger($node, 'uno');
$node->safe_psql('uno', "SET custody.synchronous_seal = on; INSERT INTO t (n) VALUES ('again')");
sealed_once($node, 'created again', 'uno');

verifies_clean($node, 'at the end');
verifies_clean($node, 'renamed', 'uno');
verifies_clean($node, 'copied', 'copy');
$node->stop('fast');

done_testing();
