#!/usr/bin/perl
#
# Forks of one ledger: rewound, cloned, copied beside the original, restored to
# a point in the middle.  Each goes on as a life of its own that says what it
# lost, checkpoints kept elsewhere show it, and no two signed checkpoints of one
# origin and size contradict each other.

use strict;
use warnings;

use Fcntl qw(:flock);
use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my %signed;		# origin and size => [root, where]
my $contradictions = 0;

# All notes of a database, against all notes seen so far.
sub collect
{
	my ($node, $database) = @_;
	my $where = $node->name . '/' . ($database //= 'postgres');

	foreach my $note (split /^\f\n/m, $node->safe_psql($database,
			q{SELECT convert_from(note::text::bytea, 'UTF8') || E'\n\f' FROM (SELECT note FROM custody.log_checkpoint) n}))
	{
		my ($origin, $size, $root) = split /\n/, $note;
		my $before = $signed{"$origin $size"} //= [ $root, $where ];
		next if $before->[0] eq $root;
		$contradictions++;
		diag "size $size of $origin has two roots: in $before->[1] and in $where";
	}
}

sub size_of { return (split /\n/, $_[0])[1]; }
sub origin_of { return (split /\n/, $_[0])[0]; }

sub anchored
{
	my ($node, $note, $database) = @_;
	return $node->safe_psql($database // 'postgres',
		"SELECT code FROM custody.verify(anchors => ARRAY[\$note\$$note\$note\$]) WHERE severity <> 'notice' ORDER BY 1");
}

# What the ledger says of its last life.
sub life
{
	my ($node, $database) = @_;
	my @fields = split /\|/, $node->safe_psql($database // 'postgres', q{
		SELECT incarnation, origin, began_at IS NOT NULL, log_size, previous_origin, signed_size, lost_leaves, reason
		FROM custody.incarnations ORDER BY incarnation DESC LIMIT 1}), -1;
	return { map { $_ => shift @fields } qw(incarnation origin began log_size previous_origin signed_size lost_leaves reason) };
}

# Primary, an asynchronous standby that lacks the tail, the primary rewound

my $primary = start_node('primary', init => { allows_streaming => 1, has_archiving => 1 },
	conf => "wal_log_hints = on\nwal_keep_size = '64MB'\n");
add_ledger($primary);
insert_and_seal($primary) foreach 1 .. 2;
$primary->backup('base');
is_deeply([ @{ life($primary) }{qw(incarnation began log_size previous_origin lost_leaves)} ], [ 1, 't', 0, '', '' ], 'the first life');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
insert_and_seal($primary);
my $common = checkpoint($primary);
$primary->wait_for_catchup($standby);
$standby->stop;
insert_and_seal($primary) foreach 1 .. 2;
my $lost = checkpoint($primary);
collect($primary);
$primary->stop;
$standby->start;
$standby->promote;
insert_and_seal($standby);
my $life = life($standby);
is_deeply([ @$life{qw(incarnation began log_size previous_origin signed_size lost_leaves)} ],
	[ 2, 't', size_of($common), origin_of($common), size_of($common), 0 ],
	'a promoted standby begins where its log ended; what its signer never saw it cannot miss');
like($life->{reason}, qr/restored or promoted; the timeline was 1 and is 2/, 'and says why');
is(anchored($standby, $common), '', 'what was sealed before is there');
isnt(anchored($standby, $lost), '', 'a kept checkpoint shows the tail that was lost');
collect($standby);

# Only a checkpoint puts the new timeline where pg_rewind looks.
$standby->safe_psql('postgres', 'CHECKPOINT');
command_ok([ 'pg_rewind', '--source-server', $standby->connstr('postgres'), '--target-pgdata', $primary->data_dir, '--no-sync' ], 'the old primary is rewound');
$primary->append_conf('postgresql.conf', 'port = ' . $primary->port . "\n" . "unix_socket_directories = '" . $primary->host . "'\n"
	  . "archive_mode = off\nrestore_command = ''\n" . "primary_conninfo = '" . $standby->connstr . "'\n");
$primary->set_standby_mode;
$primary->start;
insert_and_seal($standby);
$standby->wait_for_catchup($primary, 'replay', $standby->lsn('write'));
verifies_clean($primary, 'the rewound primary as a standby');
my $second = checkpoint($standby);
is(checkpoint($primary), $second, 'with the log of the new primary');
$primary->promote;
insert_and_seal($primary);
$life = life($primary);
is_deeply([ @$life{qw(incarnation began log_size previous_origin lost_leaves)} ],
	[ 3, 't', size_of($second), origin_of($second), 0 ], 'promoted in turn it begins a third life, after the second');
verifies_clean($primary, 'rewound and promoted');
is(anchored($primary, $second), '', 'the second life is all there');
isnt(anchored($primary, $lost), '', 'the tail it had before it was rewound is missed, on its own disk');
insert_and_seal($standby);
collect($_) foreach $primary, $standby;

# A clone by template, sealed beside the original

$standby->safe_psql('template1', 'CREATE DATABASE clone TEMPLATE postgres');
my $original = checkpoint($standby);
insert_and_seal($standby, $_) foreach 'postgres', 'clone', 'clone', 'postgres';
$life = life($standby, 'clone');
is_deeply([ @$life{qw(incarnation log_size previous_origin signed_size lost_leaves)} ],
	[ 3, size_of($original), origin_of($original), size_of($original), 0 ], 'a clone begins where the original stood');
like($life->{reason}, qr/copied from the database with OID \d+/, 'and says of what');
is(life($standby)->{incarnation}, 2, 'the original goes on');
verifies_clean($standby, 'the clone', 'clone');
verifies_clean($standby, 'the original of the clone');
isnt(anchored($standby, checkpoint($standby), 'clone'), '', 'a checkpoint that the original made since is not of the clone');
collect($standby, $_) foreach 'postgres', 'clone';
$standby->stop;
$primary->stop;

# A copied data directory, beside the original and with its keys

my $node = start_node('original', init => { allows_streaming => 1 });
add_ledger($node);
insert_and_seal($node) foreach 1 .. 2;
$node->backup('copy');
my $twin = PostgreSQL::Test::Cluster->new('twin');
$twin->init_from_backup($node, 'copy');
$twin->append_conf('postgresql.conf', "custody.key_directory = '" . key_directory($node) . "'\n");
$twin->start;
my $parting = checkpoint($node);
is(checkpoint($twin), $parting, 'the twin has the same log');
$_->safe_psql('postgres', "INSERT INTO t (n) VALUES ('" . $_->name . "')") foreach $node, $twin;

# While somebody holds the folder neither signs; then one of the two does.
open(my $folder, '<', ledger_folder($node)) or die $!;
flock($folder, LOCK_EX) or die $!;
my @seals = map {
	my %run = (out => '', err => '');
	$run{handle} = IPC::Run::start([ 'psql', '-XAtq', '-d', $_->connstr('postgres'), '-c', 'SELECT custody.seal()' ],
		'<', \undef, '>', \$run{out}, '2>', \$run{err});
	\%run
} $node, $twin;
sleep 1;
foreach (@seals)
{
	$_->{handle}->pump_nb;
	is($_->{out} . $_->{err}, '', 'nobody signs while the folder is locked');
}
close($folder);
$_->{handle}->finish foreach @seals;
is((grep { $_->{err} eq '' } @seals), 1, 'then one of the two signs');
is((grep { $_->{err} =~ /signer refuses/ } @seals), 1, 'and the other is refused');
my ($winner, $loser) = $seals[0]{err} eq '' ? ($node, $twin) : ($twin, $node);
insert_and_seal($winner) foreach 1 .. 2;
fails_with($loser, 'SELECT custody.seal()', 'PC203', 'signer refuses', 'for good');
collect($_) foreach $node, $twin;
my $won = checkpoint($winner);
is($loser->safe_psql('postgres', "SELECT custody.new_incarnation('a copy that ran beside the original')"), 2, 'until a DBA says that it is another');
$life = life($loser);
is_deeply([ @$life{qw(incarnation previous_origin signed_size reason)} ],
	[ 2, origin_of($won), size_of($won), 'a copy that ran beside the original' ], 'which the ledger keeps, with what the other had signed');
is($life->{lost_leaves}, size_of($won) - $life->{log_size}, 'and how much of that it has not');
verifies_clean($_, $_->name) foreach $node, $twin;
isnt(anchored($loser, $won), '', 'which a checkpoint of the other shows');
is(anchored($loser, $parting), '', 'one from before they parted does not');
insert_and_seal($_) foreach $winner, $loser, $winner;
collect($_) foreach $node, $twin;
$twin->stop;
$node->stop;

# Restored to a point in the middle, with the keys of the original

my $source = start_node('source', init => { has_archiving => 1, allows_streaming => 1 });
add_ledger($source);
insert_and_seal($source);
$source->backup('before');
insert_and_seal($source);
my $middle = checkpoint($source);
$source->safe_psql('postgres', "SELECT pg_create_restore_point('middle')");
insert_and_seal($source) foreach 1 .. 3;
my $late = checkpoint($source);
$source->safe_psql('postgres', 'SELECT pg_switch_wal()');
$source->poll_query_until('postgres', 'SELECT last_archived_wal IS NOT NULL AND last_archived_wal >= (SELECT pg_walfile_name(pg_current_wal_lsn() - 1)) FROM pg_stat_archiver')
  or die 'timed out waiting for the archive';
my $pitr = PostgreSQL::Test::Cluster->new('pitr');
$pitr->init_from_backup($source, 'before', has_restoring => 1, standby => 0);
$pitr->append_conf('postgresql.conf', "recovery_target_name = 'middle'\nrecovery_target_action = 'promote'\narchive_mode = off\n"
	  . "custody.key_directory = '" . key_directory($source) . "'\n");
$pitr->start;
$pitr->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'timed out waiting for recovery';
is(checkpoint($pitr), $middle, 'restored to the middle');
insert_and_seal($pitr);
$life = life($pitr);
is_deeply([ @$life{qw(incarnation began log_size previous_origin signed_size lost_leaves)} ],
	[ 2, 't', size_of($middle), origin_of($middle), size_of($late), size_of($late) - size_of($middle) ],
	'it begins a new life, and knows from the signer what it lost');
like($life->{reason}, qr/timeline was 1 and is 2/, 'and why');
verifies_clean($pitr, 'restored to the middle');
is(anchored($pitr, $middle), '', 'a checkpoint from before fits');
isnt(anchored($pitr, $late), '', 'one from after shows what was lost');
insert_and_seal($source);
verifies_clean($source, 'the source, which lives on');
collect($_) foreach $source, $pitr;

# Dumped and restored beside it
my $dump = $pitr->basedir . '/dump';
$pitr->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'dump');
$pitr->safe_psql('postgres', 'CREATE DATABASE restored');
$pitr->command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, 'restored' ], 'restore');
my $dumped = checkpoint($pitr);
insert_and_seal($pitr, $_) foreach 'restored', 'postgres', 'restored';
$life = life($pitr, 'restored');
is_deeply([ @$life{qw(incarnation log_size previous_origin signed_size lost_leaves)} ],
	[ 3, size_of($dumped), origin_of($dumped), size_of($dumped), 0 ], 'a restored dump begins where the dump ended');
like($life->{reason}, qr/copied from the database|restored from a dump/, 'and says that it is a copy');
collect($pitr, $_) foreach 'postgres', 'restored';

cmp_ok(scalar keys %signed, '>', 25, 'checkpoints were compared');
is($contradictions, 0, 'no two of one origin and size contradict each other');

done_testing();
