#!/usr/bin/perl
#
# custody.anchor_command: every checkpoint once it is durable, in order, until
# the command succeeds; and that it stands in nobody's way.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $store = PostgreSQL::Test::Utils::tempdir;

sub set_command
{
	my ($node, $command) = @_;
	$node->append_conf('postgresql.conf', 'custody.anchor_command = ' . "'" . ($command =~ s/'/''/gr) . "'\n");
	$node->reload;
}

sub all_anchored
{
	my ($node, $name) = @_;
	ok($node->poll_query_until('postgres', q{
			SELECT NOT EXISTS (SELECT FROM custody.log_checkpoint c
							   WHERE NOT EXISTS (SELECT FROM custody.log_anchor a
												 WHERE a.tree_size = c.tree_size))}),
		"$name: every checkpoint is anchored");
}

# What the command took away is what the database holds.
sub same_as_stored
{
	my ($node, $from, $name) = @_;
	my @sizes = split /\n/, $node->safe_psql('postgres',
		"SELECT tree_size FROM custody.log_checkpoint WHERE tree_size > $from ORDER BY 1");
	my @bad = grep {
		!-e "$store/$_" || slurp("$store/$_") ne $node->safe_psql('postgres', "SELECT custody.checkpoint($_)")
	} @sizes;
	is_deeply(\@bad, [], "$name: the files are the checkpoints");
}

sub seal
{
	my ($node, $n) = @_;
	$node->safe_psql('postgres', "INSERT INTO t (n) VALUES ('$n')");
	return $node->safe_psql('postgres', 'SELECT custody.seal()');
}

# Without preload custody.seal() anchors.
my $plain = start_node('plain');
add_ledger($plain);
seal($plain, 'before');
set_command($plain, qq{echo %s >> "$store/order" && cp %p "$store/%s" && echo "100%% of %s" > "$store/last"});
my $size = seal($plain, 'first');
all_anchored($plain, 'without preload');
same_as_stored($plain, 0, 'without preload');
is(slurp("$store/last"), "100% of $size\n", '%s and %%');
is(slurp("$store/order"), join('', map { "$_\n" } sort { $a <=> $b } split /\n/,
		$plain->safe_psql('postgres', 'SELECT tree_size FROM custody.log_anchor')),
	'each once, in order');
is_deeply([ glob(ledger_folder($plain) . '/anchor/*') ], [], 'no file is left behind');

set_command($plain, 'exit 3');
my ($ret, $out, $err) = $plain->psql('postgres', q{
	INSERT INTO t (n) VALUES ('fails'); SELECT custody.seal()});
is($ret, 0, 'a command that fails does not fail the seal');
like($err, qr/WARNING:  anchor command failed for size \d+: child process exited with exit code 3/, 'but warns');
my $behind = $out;
$size = seal($plain, 'fails again');
is($plain->safe_psql('postgres', "SELECT count(*) FROM custody.log_anchor WHERE tree_size >= $behind"), '0',
	'nothing counts as anchored');
like(slurp_file($plain->logfile), qr/DETAIL:  The failed anchor command was: exit 3/, 'the log has the command');
is($plain->safe_psql('postgres', 'SELECT anchor_lag FROM custody.status'), '2', 'the lag is visible');
set_command($plain, qq{cp %p "$store/%s"});
is($plain->safe_psql('postgres', 'SELECT custody.seal()'), $size + 2, 'nothing new to seal but the setting');
all_anchored($plain, 'after failures');
same_as_stored($plain, $behind - 1, 'after failures');
is($plain->safe_psql('postgres', 'SELECT anchor_lag FROM custody.status'), '0', 'no lag any more');

set_command($plain, '/nonexistent/command %p');
($ret, $out, $err) = $plain->psql('postgres', "INSERT INTO t (n) VALUES ('none'); SELECT custody.seal()");
like($err, qr/WARNING:  anchor command failed.*command not found|exit code 127/, 'a command that is not there');
set_command($plain, 'kill -9 $$');
($ret, $out, $err) = $plain->psql('postgres', 'SELECT custody.seal()');
like($err, qr/WARNING:  anchor command failed.*terminated by signal 9/, 'a command that is killed');
verifies_clean($plain, 'without preload');
$plain->stop;

# With preload a process of its own does
my $node = start_node('preload', preload => 1);
unlink glob("$store/*");
set_command($node, qq{cp %p "$store/%s"});
add_ledger($node);
all_anchored($node, 'with preload');
same_as_stored($node, 0, 'with preload');

# Failing, then succeeding
my $offset = -s $node->logfile;
set_command($node, qq{test -e "$store/ready" && cp %p "$store/%s"});
seal($node, $_) foreach 1 .. 3;
wait_for_log($node, qr/anchor command failed/, $offset);
like($node->safe_psql('postgres', 'SELECT alarms FROM custody.status'), qr/anchor command failed/, 'an alarm shows it');
spew("$store/ready", '');
all_anchored($node, 'retried');
same_as_stored($node, 0, 'retried');
unlike($node->safe_psql('postgres', 'SELECT alarms FROM custody.status'), qr/anchor command failed/, 'the alarm is gone');

# A slow command delays no seal, no shutdown and no DROP DATABASE.
set_command($node, qq{touch "$store/begun" && sleep 298.7});
seal($node, 'slow');
ok(wait_for_file("$store/begun"), 'a slow command runs');
my $start = time;
$size = seal($node, $_) foreach 1 .. 3;
sealed_once($node, 'beside a slow command');
$node->safe_psql('postgres', "SET custody.synchronous_seal = on; INSERT INTO t (n) VALUES ('wait')");
cmp_ok(time - $start, '<', 30, 'seals do not wait for it');
verifies_clean($node, 'beside a slow command');
$start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', 30, 'a shutdown does not wait for it');
is_deeply([ grep { (eval { slurp($_) } // '') =~ /^sleep\x00298\.7/ } glob('/proc/[0-9]*/cmdline') ], [],
	'and leaves nothing running');
$node->append_conf('postgresql.conf', qq{custody.anchor_command = 'cp %p "$store/%s"'\n});
$node->start;
all_anchored($node, 'after a restart');
same_as_stored($node, 0, 'after a restart');

unlink "$store/begun";
$node->safe_psql('postgres', 'CREATE DATABASE other');
set_command($node, qq{touch "$store/begun" && sleep 300});
add_ledger($node, 'other');
ok(wait_for_file("$store/begun"), 'a slow command in another database');
$node->safe_psql('postgres', 'DROP DATABASE other');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'other'"), '0',
	'a database can be dropped while the command runs');
$node->stop('fast');

sub wait_for_file
{
	my ($path) = @_;
	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if -e $path;
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

done_testing();
