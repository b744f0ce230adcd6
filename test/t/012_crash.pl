#!/usr/bin/perl
#
# Immediate stops and killed processes under load: no committed change is
# missing from the ledger, none is in it twice, no head is signed twice, and
# each key follows the one before, of which nothing is left.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $rounds = $ENV{CUSTODY_CRASH_ROUNDS} // 8;

my $node = start_node('crash',
	preload => 1,
	conf => "custody.seal_interval = '10ms'\ncustody.key_epoch_blocks = 3\nrestart_after_crash = on\nmax_prepared_transactions = 20\n");
add_ledger($node);
$node->safe_psql('postgres', 'CREATE TABLE plain (id bigint)');

# Each transaction writes to both tables, so that the plain one says what has
# committed.  Some are rolled back, some prepared first.
my $script = $node->basedir . '/load.sql';
spew($script, q{
\set kind random(1, 5)
BEGIN;
WITH i AS (INSERT INTO t (n) VALUES ('load') RETURNING id) INSERT INTO plain SELECT id FROM i;
\if :kind = 1
ROLLBACK;
\elif :kind = 2
PREPARE TRANSACTION 'p:client_id';
COMMIT PREPARED 'p:client_id';
\else
COMMIT;
\endif
});

my %heads;

# A size is signed once, and always with the same root.
sub one_head_each
{
	my ($name) = @_;
	my $twice = 0;

	foreach my $note (split /\x01/,
		$node->safe_psql('postgres', q{SELECT string_agg(convert_from(note, 'UTF8'), E'\x01') FROM custody.log_checkpoint}))
	{
		my ($origin, $size, $root) = split /\n/, $note;
		$twice++ if exists $heads{$size} && $heads{$size} ne $root;
		$heads{$size} = $root;
	}
	is($twice, 0, "$name: no size has two heads");
}

sub all_there
{
	my ($name) = @_;

	foreach my $gid (split /\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts'))
	{
		$node->safe_psql('postgres', "COMMIT PREPARED '$gid'");
	}
	wait_until_sealed($node);
	sealed_once($node, $name);
	is($node->safe_psql('postgres', q{
			SELECT (SELECT count(*) FROM plain) = (SELECT count(*) FROM t)
			   AND (SELECT count(*) FROM t) = (SELECT count(*) FROM custody.entries WHERE operation = 'insert')
			   AND (SELECT count(*) FROM t) = (SELECT count(DISTINCT row_key) FROM custody.entries WHERE operation = 'insert')}),
		't', "$name: every committed change is an entry, once");
	one_head_each($name);
}

my @ways = (
	[ 'immediate stop', sub { $node->stop('immediate'); $node->start } ],
	[ 'sealer killed', sub {
			my $pid = $node->safe_psql('postgres',
				"SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_custody sealer' AND datname = 'postgres'");
			kill 'KILL', $pid if $pid;
			usleep(300_000);
			$node->poll_query_until('postgres', 'SELECT true');
		} ],
	[ 'sealer terminated', sub {
			$node->safe_psql('postgres',
				"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_custody sealer'");
		} ],
);

foreach my $round (1 .. $rounds)
{
	my ($name, $crash) = @{ $ways[ $round % @ways ] };
	my ($out, $err) = ('', '');
	my $load = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '4', '-R', '800', '-T', '60', '-h', $node->host, '-p', $node->port, '-f', $script, 'postgres' ],
		'>', \$out, '2>', \$err);

	usleep(300_000 + int(rand(500_000)));
	$crash->();
	usleep(200_000);
	$load->kill_kill;
	all_there("round $round, $name");
}
note($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM custody.log_block)'));
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM t'), '>', 10 * $rounds, 'there was load');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM custody.log_block'), '>', 5 * $rounds, 'and sealing');
verifies_clean($node, 'after all crashes');
cmp_ok($node->safe_psql('postgres', 'SELECT max(epoch) FROM custody.log_key'), '>', $rounds, 'and keys that follow each other');
is($node->safe_psql('postgres', q{SELECT max(n) FROM (SELECT count(*) AS n FROM custody.blocks GROUP BY epoch) b}), 3,
	'no key signed more than it may');
cmp_ok(scalar(my @pems = glob(ledger_folder($node) . '/epoch-*.pem')), '<=', 2, 'old private keys are gone');

# Starting and stopping the server while nobody works leaves its start, once.
# No key is due meanwhile.
$node->append_conf('postgresql.conf', 'custody.key_epoch_blocks = 0');
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('custody.key_epoch_blocks') = '0'") or die 'not reloaded';
my $size = $node->safe_psql('postgres', 'SELECT custody.seal()');
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', 'SELECT custody.seal()'), $size + 2, 'the start after a restart');
is($node->safe_psql('postgres', 'SELECT custody.seal()'), $size + 2, 'and nothing else');
is($node->safe_psql('postgres', "SELECT count(*) FROM custody.environment_changes WHERE number > (SELECT max(number) FROM custody.environment_changes) - 2 AND name = 'server start'"),
	'1', 'in an entry');
$node->stop;

done_testing();
