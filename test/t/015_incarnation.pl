#!/usr/bin/perl
#
# Restored, promoted, copied, dumped, upgraded: when the log simply goes on,
# when it goes on as a new incarnation, and when the signer refuses.

use strict;
use warnings;

use File::Copy;
use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

sub incarnations
{
	my ($node, $database) = @_;
	return $node->safe_psql($database // 'postgres', 'SELECT max(incarnation) FROM custody.log_incarnation');
}

# What the anchors say that somebody kept
sub anchor_findings
{
	my ($node, $note) = @_;
	return $node->safe_psql('postgres',
		"SELECT severity, code FROM custody.verify(anchors => ARRAY[\$note\$$note\$note\$]) WHERE severity <> 'notice'");
}

my $node = start_node('primary', init => { allows_streaming => 1 });
add_ledger($node);
insert_and_seal($node) foreach 1 .. 3;

# An old copy of the data directory comes back
$node->stop;
my $copy = $node->basedir . '/copy';
PostgreSQL::Test::RecursiveCopy::copypath($node->data_dir, $copy);
$node->start;
my $old_size = $node->safe_psql('postgres', 'SELECT max(tree_size) FROM custody.log_block');
insert_and_seal($node) foreach 1 .. 3;
my $lost = checkpoint($node);
my $lost_size = (split /\n/, $lost)[1];
is(anchor_findings($node, $lost), '', 'a kept checkpoint fits before the restore');
$node->stop;
my $real = $node->basedir . '/real';
move($node->data_dir, $real) or die $!;
move($copy, $node->data_dir) or die $!;
chmod 0700, $node->data_dir or die $!;
$node->start;
my $err = fails_with($node, 'SELECT custody.seal()', 'PC203', 'signer refuses to go on', 'a rolled back log is refused');
like($err, qr/last signed size $lost_size; the log of this database has size $old_size/, 'with both sizes');
like($err, qr/HINT:.*new_incarnation/, 'and a hint');
$node->safe_psql('postgres', "INSERT INTO t (n) VALUES ('kept')");
fails_with($node, 'SELECT custody.seal()', 'PC203', 'signer refuses', 'again');
fails_with($node, "SELECT custody.new_incarnation('')", '22023', 'needs a reason', 'no new incarnation without a reason');
is($node->safe_psql('postgres', 'SELECT custody.new_incarnation(NULL) IS NULL'), 't', 'nor with NULL');
is(incarnations($node), '1', 'nothing has begun');

is($node->safe_psql('postgres', "SELECT custody.new_incarnation('restored the copy of Monday: disk failed')"), '2',
	'a new incarnation');
my ($origin) = checkpoint($node) =~ /\A(.*)\n/;
like($origin, qr{^pg-custody/[0-9a-f]+/i2$}, 'under a new origin');
is($node->safe_psql('postgres', 'SELECT count(*) FROM custody.log_key'), '2', 'with a new key');
sealed_once($node, 'new incarnation');
verifies_clean($node, 'new incarnation');
like(anchor_findings($node, $lost), qr/tampering\|anchor/, 'what was lost is shown by a kept checkpoint');
insert_and_seal($node) foreach 1 .. 2;
is(incarnations($node), '2', 'and goes on');
is($node->safe_psql('postgres', "SELECT custody.new_incarnation('again')"), '3', 'another one');
like(checkpoint($node), qr{\A[^\n]*[0-9a-f]/i3\n}, 'its origin does not pile up');
verifies_clean($node, 'two new incarnations');

# A crash between the steps of a beginning: the key's file is there, its row is not.
my $folder = ledger_folder($node);
is($node->safe_psql('postgres', "SELECT custody.new_incarnation('third')"), '4', 'a third');
sealed_once($node, 'third');

# A standby is promoted; the folder of the keys is not on it.
insert_and_seal($node);
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
insert_and_seal($node);
$node->wait_for_catchup($standby);
my $before = checkpoint($node);
is(checkpoint($standby), $before, 'a standby shows checkpoints');
verifies_clean($standby, 'a standby');
fails_with($standby, 'SELECT custody.seal()', '25006', 'cannot execute custody.seal\(\) during recovery',
	'a standby does not seal');
fails_with($standby, "SELECT custody.new_incarnation('x')", '25006', 'during recovery', 'nor begin an incarnation');
$standby->promote;
insert_and_seal($standby);
is(incarnations($standby), '5', 'a promoted standby begins a new incarnation by itself');
is(anchor_findings($standby, $before), '', 'and what was sealed before is all there');
sealed_once($standby, 'promoted');
verifies_clean($standby, 'promoted');
insert_and_seal($standby);
is(incarnations($standby), '5', 'once');
# and the old primary, meanwhile, lives on under its own key
insert_and_seal($node);
is(incarnations($node), '4', 'the old primary is the old incarnation');

# A standby is promoted that has the last block but not its checkpoint.
my $standby2 = PostgreSQL::Test::Cluster->new('standby2');
$standby2->init_from_backup($node, 'backup', has_streaming => 1);
$standby2->start;
insert_and_seal($node);
my $last = $node->safe_psql('postgres', 'SELECT max(tree_size) FROM custody.log_block');
$node->safe_psql('postgres', "DELETE FROM custody.log_checkpoint WHERE tree_size = $last");
$node->wait_for_catchup($standby2);
$standby2->promote;
insert_and_seal($standby2);
is(incarnations($standby2), '5', 'promoted between block and checkpoint');
verifies_clean($standby2, 'promoted between block and checkpoint');
$standby2->stop;
$node->safe_psql('postgres', 'SELECT custody.seal()');

# The promoted standby is given the keys of the old primary: nothing begins.
my $shared = PostgreSQL::Test::Cluster->new('shared');
$shared->init_from_backup($node, 'backup', has_streaming => 1);
$shared->append_conf('postgresql.conf', "custody.key_directory = '" . key_directory($node) . "'\n");
$shared->start;
insert_and_seal($node);
$node->wait_for_catchup($shared);
$node->stop;
$shared->promote;
insert_and_seal($shared);
is(incarnations($shared), '4', 'with the keys it is the same life');
sealed_once($shared, 'with the keys');
verifies_clean($shared, 'with the keys');
insert_and_seal($shared);

# Dump and restore, to another database and to another cluster
my $dump = $shared->basedir . '/dump.sql';
$shared->safe_psql('postgres', "INSERT INTO t (n) VALUES ('not sealed when dumped')");
$shared->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'dump');
$shared->safe_psql('postgres', 'CREATE DATABASE restored');
$shared->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, 'restored' ], 'restore');
insert_and_seal($shared, 'restored');
is(incarnations($shared, 'restored'), '5', 'a restored dump is a new incarnation');
sealed_once($shared, 'restored', 'restored');
verifies_clean($shared, 'restored', 'restored');
insert_and_seal($shared, 'restored');
is(incarnations($shared, 'restored'), '5', 'once');
insert_and_seal($shared);
is(incarnations($shared), '4', 'the original goes on');
verifies_clean($shared, 'the original');

my $fresh = start_node('fresh');
$fresh->append_conf('postgresql.conf', "custody.key_directory = '" . key_directory($node) . "'\n");
$fresh->reload;
$fresh->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, 'postgres' ], 'restore elsewhere');
insert_and_seal($fresh);
is(incarnations($fresh), '5', 'so it is in another cluster, although the keys are at hand');
sealed_once($fresh, 'restored elsewhere');
verifies_clean($fresh, 'restored elsewhere');

# A sealer at work does not disturb a restore, and takes over when it has ended.
my $archive = $shared->basedir . '/dump.custom';
$shared->command_ok([ 'pg_dump', '-Fc', '-f', $archive, 'postgres' ], 'dump as archive');
my $live = start_node('live', preload => 1, conf => "custody.seal_interval = '10ms'\n");
foreach my $jobs (1, 2)
{
	$live->safe_psql('postgres', "CREATE DATABASE jobs$jobs");
	my $offset = -s $live->logfile;
	foreach my $section ('pre-data', 'data', 'post-data')
	{
		$live->command_ok([ 'pg_restore', '-j', $jobs, '--exit-on-error', '--section', $section,
				'-d', "jobs$jobs", $archive ],
			"restore $section beside a sealer with $jobs jobs");
		$live->restart if $section eq 'pre-data';
		$live->poll_query_until('postgres',
			"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_custody sealer' AND datname = 'jobs$jobs'")
		  or die 'no sealer';
	}
	$live->safe_psql("jobs$jobs", "INSERT INTO t (n) VALUES ('live')");
	$live->poll_query_until("jobs$jobs", 'SELECT max(incarnation) = 5 FROM custody.log_incarnation')
	  or die 'no incarnation';
	wait_until_sealed($live, "jobs$jobs");
	sealed_once($live, "restored with $jobs jobs", "jobs$jobs");
	verifies_clean($live, "restored with $jobs jobs", "jobs$jobs");
	unlike(slurp_file($live->logfile, $offset), qr/ERROR/, 'without a complaint in the log');
}

# Whatever order the tables of the ledger are loaded in.
my $list = $shared->basedir . '/list';
my @items = split /^/, (run_command([ 'pg_restore', '-l', '--section', 'data', $archive ]))[0];
foreach my $first ('log_incarnation', 'log_(?:incarnation|block|leaf|key|checkpoint|tile)')
{
	my $database = 'order' . ($first =~ tr/|//);
	my $offset = -s $live->logfile;

	$live->safe_psql('postgres', "CREATE DATABASE $database");
	$live->command_ok([ 'pg_restore', '--section', 'pre-data', '-d', $database, $archive ], "make $database");
	$live->restart;
	foreach my $half (1, 0)
	{
		spew($list, join "\n", map { s/\s+$//r } grep { /^\d/ && (/ TABLE DATA custody $first / ? 1 : 0) == $half } @items);
		$live->command_ok([ 'pg_restore', '--exit-on-error', '-L', $list, '-d', $database, $archive ],
			"load $first " . ($half ? 'first' : 'and the rest'));
		next unless $half;
		$live->poll_query_until('postgres',
			"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_custody sealer' AND datname = '$database'")
		  or die 'no sealer';
		sleep 1;
	}
	$live->command_ok([ 'pg_restore', '--section', 'post-data', '-d', $database, $archive ], 'and what comes after');
	$live->safe_psql($database, "INSERT INTO t (n) VALUES ('live'); SELECT custody.seal()");
	sealed_once($live, "loaded with $first first", $database);
	verifies_clean($live, "loaded with $first first", $database);
}
$live->stop;

# Two copies of one ledger, one made as template
$fresh->safe_psql('template1', 'CREATE DATABASE copy TEMPLATE postgres');
insert_and_seal($fresh, 'copy');
insert_and_seal($fresh);
is(incarnations($fresh, 'copy') . incarnations($fresh), '65', 'only the copy is a new incarnation');
verifies_clean($fresh, 'the copy', 'copy');
verifies_clean($fresh, 'the template');

# pg_upgrade gives the cluster another system identifier; the log goes on.
$fresh->safe_psql('template1', 'DROP DATABASE copy');
my $size = insert_and_seal($fresh);
$fresh->safe_psql('postgres', "INSERT INTO t (n) VALUES ('not sealed when upgraded')");
$fresh->stop;
my $upgraded = PostgreSQL::Test::Cluster->new('upgraded');
$upgraded->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
$upgraded->append_conf('postgresql.conf',
	"shared_preload_libraries = 'pg_custody'\ncustody.seal_interval = '10ms'\n");
$upgraded->append_conf('postgresql.conf', "custody.key_directory = '" . key_directory($node) . "'\n");
chdir $PostgreSQL::Test::Utils::tmp_check or die $!;
my $bindir = $fresh->config_data('--bindir');
command_ok([ 'pg_upgrade', '--no-sync', '-d', $fresh->data_dir, '-D', $upgraded->data_dir,
		'-b', $bindir, '-B', $bindir, '-s', $fresh->host, '-p', $fresh->port, '-P', $upgraded->port ],
	'pg_upgrade');
$upgraded->start;
is($upgraded->safe_psql('postgres', 'SELECT custody.seal()'), $size + 3, 'sealed after pg_upgrade, with the new environment');
insert_and_seal($upgraded);
is(incarnations($upgraded), '5', 'no new incarnation');
sealed_once($upgraded, 'upgraded');
verifies_clean($upgraded, 'upgraded');

done_testing();
