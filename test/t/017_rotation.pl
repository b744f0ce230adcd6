#!/usr/bin/perl
#
# Keys that follow each other: by SQL, by age and by number of blocks; what a
# crash between any two steps leaves; and keys lost on the way.

use strict;
use warnings;

use FindBin;
use IPC::Run;
use MIME::Base64;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

umask 0077;

my $top = "$FindBin::RealBin/../..";
my $node = start_node('rotation');
add_ledger($node);
$node->safe_psql('postgres', 'SELECT custody.seal()');
my $folder = ledger_folder($node);

sub sql { return $node->safe_psql('postgres', shift) }
sub pem { return sprintf('%s/epoch-%06d.pem', $folder, shift) }
sub pems { return map { (split m{/}, $_)[-1] } sort glob("$folder/epoch-*") }
sub insert { sql("INSERT INTO t (n) VALUES ('$_[0]')") }

# Verifier key, checkpoints and one private key are as they must be after a
# rotation to an epoch, and the log goes on with it.
sub rotated
{
	my ($epoch, $name, $unsigned) = @_;
	my $size = sql("SELECT handover_size FROM custody.keys WHERE epoch = $epoch");
	my $note = sql("SELECT custody.checkpoint($size)");
	my @ids = map { (split /\+/, sql("SELECT custody.verifier_key($_)"))[1] } $epoch - 1, $epoch;
	my @lines = (split /\n\n/, $note)[1] =~ /(\S+)$/mg;

	is_deeply([ map { unpack('H8', decode_base64($_)) } @lines ], \@ids,
		"$name: both keys signed the checkpoint, the old one first");
	is_deeply([ pems() ], [ sprintf('epoch-%06d.pem', $epoch) ], "$name: only the new private key is there");
	insert($name);
	sql('SELECT custody.seal()');
	is(sql('SELECT epoch FROM custody.blocks ORDER BY block_no DESC LIMIT 1'), $epoch, "$name: the next block is of the new epoch");
	is(sql('SELECT count(*), max(epoch) FROM custody.log_key'), "$epoch|$epoch", "$name: one key an epoch");
	sealed_once($node, $name) unless $unsigned;
	verifies_clean($node, $name);
}

# Whatever links to the file sees what became of its contents.
my $link = $node->basedir . '/link';
link(pem(1), $link) or die $!;
my $length = -s $link;
is(sql('SELECT custody.rotate_key()'), 2, 'rotate_key() returns the new epoch');
is(slurp($link), "\0" x $length, 'the old private key was overwritten before it was removed');
rotated(2, 'by SQL');
is(sql('SELECT custody.rotate_key()') . sql('SELECT custody.rotate_key()'), '34', 'twice with nothing between');
rotated(4, 'twice');
like(sql('SELECT epoch, epoch_age < interval \'1 minute\' FROM custody.status'), qr/^4\|t$/, 'status shows the age of the key');
is(sql(q{SELECT count(*) FROM custody.keys k JOIN custody.keys n ON n.epoch = k.epoch + 1
		WHERE k.ended_at = n.began_at AND k.began_at <= k.ended_at}), 3, 'each key ends where the next begins');

$node->safe_psql('postgres', 'CREATE ROLE nobody_special LOGIN');
my ($ret, $out, $err) = $node->psql('postgres', 'SET ROLE nobody_special; SELECT custody.rotate_key()');
like($err, qr/permission denied/, 'not everybody may');

# Run SQL beside this program.
sub beside
{
	return IPC::Run::start([ 'psql', '-XAtq', '-h', $node->host, '-p', $node->port, '-c', shift, 'postgres' ], '>', \my $out, '2>', \my $err);
}

# Rotate, and stop the server when the next key is announced, not sealed.
sub announce_and_crash
{
	my $next = sql('SELECT max(epoch) + 1 FROM custody.log_key');
	my $holder = beside('BEGIN; LOCK TABLE custody.log_event; SELECT pg_sleep(600)');
	$node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'custody.log_event'::regclass
		AND mode = 'AccessExclusiveLock' AND granted)}) or die 'no lock';
	my $caller = beside('SELECT custody.rotate_key()');
	$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM custody.log_key WHERE epoch = $next)") or die 'not announced';
	$node->stop('immediate');
	$_->finish foreach $holder, $caller;
	$node->start;
	return $next;
}

# Crashes: that one, and others made by taking steps back by hand.  Each state:
# name, and a sub that is given what the folder held before; or none.
my $handover = '(SELECT max(handover_size) FROM custody.keys)';
sub unstore { sql("DELETE FROM custody.log_checkpoint WHERE tree_size = $handover") }
my @states = (
	[ 'announced, not sealed' ],
	[ 'sealed, not signed', sub { my %old = @_; unstore(); spew(pem($old{epoch}), $old{pem}); spew("$folder/signed", $old{memory}) } ],
	[ 'signed, not stored', sub { my %old = @_; unstore(); spew(pem($old{epoch}), $old{pem}) } ],
	[ 'stored, old key not destroyed', sub { my %old = @_; spew(pem($old{epoch}), $old{pem}) } ],
	[ 'old key overwritten, not removed', sub { my %old = @_; spew(pem($old{epoch}), "\0" x length $old{pem}) } ],
	[ 'old key half written long ago', sub { my %old = @_; spew(pem(1) . '.tmp', $old{pem}); spew(pem($old{epoch}), $old{pem}) } ],
);
my %heads;
foreach my $state (@states)
{
	my ($name, $undo) = @$state;

	foreach my $call ('seal', 'rotate_key')
	{
		my $epoch = sql('SELECT epoch FROM custody.status');
		my %old = (epoch => $epoch, pem => slurp(pem($epoch)), memory => slurp("$folder/signed"));
		my $head;

		if ($undo)
		{
			is(sql('SELECT custody.rotate_key()'), $epoch + 1, "$name, $call: rotated");
			$head = sql("SELECT custody.checkpoint($handover)");
			$undo->(%old);
		}
		else
		{
			is(announce_and_crash(), $epoch + 1, "$name, $call: announced");
		}
		if ($call eq 'seal')
		{
			sql('SELECT custody.seal()');
			rotated($epoch + 1, "$name, $call");
			is(sql("SELECT custody.checkpoint($handover)"), $head, "$name, $call: the same head is signed again")
			  if $undo;
		}
		else
		{
			my $next = $undo ? $epoch + 2 : $epoch + 1;

			is(sql('SELECT custody.rotate_key()'), $next, "$name, $call: a rotation that was begun is ended first");
			rotated($next, "$name, $call");
		}
	}
}

# A key file that was made and not announced yet is used.
my $epoch = sql('SELECT epoch FROM custody.status');
system_or_bail('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', pem($epoch + 1));
my $made = slurp(pem($epoch + 1));
is(sql('SELECT custody.rotate_key()'), ++$epoch, 'made, not announced: rotated');
is(slurp(pem($epoch)), $made, 'made, not announced: the key that was there');
rotated($epoch, 'made, not announced');

# What cannot be destroyed stops the log.
my %old = (epoch => $epoch, pem => slurp(pem($epoch)));
sql('SELECT custody.rotate_key()');
mkdir pem($epoch) or die $!;
fails_with($node, 'SELECT custody.seal()', '42809', 'could not open key file.*HINT:', 'an old key that cannot be destroyed');
rmdir pem($epoch);
rotated(++$epoch, 'an old key that can be destroyed again');

# Keys lost on the way: capture goes on, sealing stops, and a new incarnation
# continues.
foreach my $lost ([ 'the new key, announced', 1 ], [ 'the old key, before it signed', 0 ])
{
	my ($name, $which) = @$lost;
	my %before = (epoch => $epoch, pem => slurp(pem($epoch)), memory => slurp("$folder/signed"));

	if ($which)
	{
		announce_and_crash();
	}
	else
	{
		sql('SELECT custody.rotate_key()');
		unstore();
		spew("$folder/signed", $before{memory});
		spew(pem($epoch), $before{pem});
	}
	unlink pem($epoch + $which) or die $!;
	insert($name);
	fails_with($node, 'SELECT custody.seal()', 'PC201', sprintf('epoch-%06d.pem" is missing', $epoch + $which), "$name: refused");
	sql("SELECT custody.new_incarnation('lost $name')");
	verifies_clean($node, $name);
	$folder = ledger_folder($node);
	$epoch = sql('SELECT epoch FROM custody.status');
	is($epoch, $before{epoch} + 2, "$name: the next key of all");
	is(sql('SELECT custody.rotate_key()'), ++$epoch, "$name: which is followed by another");
	rotated($epoch, "$name, then", !$which);
}

# Offline, with the first key of each incarnation
my $bundle = $node->basedir . '/ledger';
spew($bundle, sql('SELECT * FROM custody.export()') . "\n");
my @firsts = split /\n/, sql(q{SELECT verifier_key FROM custody.keys WHERE handover_size IS NULL AND began_at IS NOT NULL ORDER BY epoch});
my $anchor = $node->basedir . '/anchor';
spew($anchor, sql('SELECT custody.checkpoint()') . "\n");
is(scalar @firsts, 3, 'three keys that no other handed over to');
command_ok([ 'pg_custody_verify', 'bundle', (map { ('--key', $_) } @firsts), '--anchor', $anchor, $bundle ],
	'offline: trust follows the hand-overs, to the anchor as well');
command_ok([ 'python3', '-B', "$top/test/recompute/recompute.py", $bundle, @firsts ], 'recomputed: so it does');
my @all = split /\n/, sql('SELECT verifier_key FROM custody.keys ORDER BY epoch');
command_ok([ 'pg_custody_verify', 'bundle', (map { ('--key', $_) } @all), $bundle ], 'offline: all keys given');
command_checks_all([ 'pg_custody_verify', 'bundle', '--key', $all[1], $bundle ], 1, [ qr/^finding: key_untrusted block=0 /m ], [],
	'offline: trust does not go backwards');
command_checks_all([ 'python3', '-B', "$top/test/recompute/recompute.py", $bundle, $all[1] ], 1, [ qr/the key of epoch 1 is not trusted/ ], [],
	'recomputed: nor there');
$node->stop;

# By the sealer: by number of blocks, then by age
my $auto = start_node('automatic', preload => 1, conf => "custody.key_epoch = 0\ncustody.key_epoch_blocks = 3\n");
add_ledger($auto);
foreach my $i (1 .. 10)
{
	$auto->safe_psql('postgres', "INSERT INTO t (n) VALUES ('$i'); ");
	$auto->safe_psql('postgres', 'SELECT custody.seal()');
}
is($auto->safe_psql('postgres', q{SELECT max(n) FROM (SELECT count(*) AS n FROM custody.blocks GROUP BY epoch) b}), 3,
	'no key signs more blocks than it may');
cmp_ok($auto->safe_psql('postgres', 'SELECT max(epoch) FROM custody.keys'), '>=', 4, 'keys follow each other');
$auto->append_conf('postgresql.conf', "custody.key_epoch = '1s'\ncustody.key_epoch_blocks = 0\n");
$auto->reload;
my $now = $auto->safe_psql('postgres', 'SELECT max(epoch) FROM custody.keys');
$auto->poll_query_until('postgres', "SELECT max(epoch) >= $now + 3 FROM custody.keys") or die 'no rotation by age';
pass('a key is replaced for its age though nothing else happens');
verifies_clean($auto, 'rotated by the sealer');
$auto->append_conf('postgresql.conf', "custody.key_epoch = 0\n");
$auto->reload;
is(scalar(my @files = glob(ledger_folder($auto) . '/epoch-*')), 1, 'one private key is left');

# A sealer that does not rotate is an alarm.
$auto->append_conf('postgresql.conf', "custody.key_epoch = '1s'\nshared_preload_libraries = ''\n");
$auto->restart;
$auto->poll_query_until('postgres', q{SELECT alarms::text LIKE '%key rotation is late%' FROM custody.status})
  or die 'no alarm';
pass('status alarms when a key is too old');
$auto->stop;

done_testing();
