#!/usr/bin/perl
#
# The key file, the signer's memory and their directory: what is refused, and
# that sealing goes on as if nothing had been once it is put right.  Each
# scenario has a name, a sub that spoils something, SQLSTATE and pattern of the
# error, and a sub that repairs it.

use strict;
use warnings;

use File::Copy;
use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

umask 0077;

my $node = start_node('keys');
add_ledger($node);
my $size = $node->safe_psql('postgres', 'SELECT custody.seal()');
my $directory = key_directory($node);
my $folder = ledger_folder($node);
my $pem = "$folder/epoch-000001.pem";
my $memory = "$folder/signed";

sub mode
{
	my ($path) = @_;
	return sprintf('%04o', (stat $path)[2] & 07777);
}

is(mode($directory), '0700', 'key directory');
is(mode($folder), '0700', 'folder of the ledger');
is(mode($pem), '0600', 'key file');
is(mode($memory), '0600', "signer's memory");
like(slurp($pem), qr/^-----BEGIN PRIVATE KEY-----\n/, 'key file is PKCS#8');
is($node->safe_psql('postgres', 'SELECT custody.checkpoint()'),
	(slurp($memory) =~ /^cluster .*?\nepoch 1\n(.*)/s)[0], 'the memory is the last checkpoint');

# A second ledger, for a key that is not ours
$node->safe_psql('postgres', 'CREATE DATABASE other');
add_ledger($node, 'other');
$node->safe_psql('other', 'SELECT custody.seal()');
my $other = ledger_folder($node, 'other');
isnt($other, $folder, 'each ledger has a folder of its own');

my $aside = $node->basedir . '/aside';

sub move_away { my ($path) = @_; return sub { move($path, $aside) or die $! } }
sub move_back { my ($path) = @_; return sub { unlink $path; move($aside, $path) or die $! } }

sub replace_by
{
	my ($path, $text) = @_;
	return sub { move($path, $aside) or die $!; spew($path, ref $text ? $text->() : $text) };
}

sub change_mode { my ($path, $mode) = @_; return sub { chmod $mode, $path or die $! } }

sub set_directory
{
	my ($path) = @_;
	return sub {
		$node->append_conf('postgresql.conf', "custody.key_directory = '$path'\n");
		$node->reload;
	};
}

my $inside = $node->data_dir . '/keys';
my $link = $node->basedir . '/link';
my $file = $node->basedir . '/file';
spew($file, '');
symlink $node->data_dir . '/base', $link or die $!;

my @scenarios = (
	[ 'key file missing', move_away($pem), 'PC201', 'is missing.*new_incarnation', move_back($pem) ],
	[ 'key file unreadable', change_mode($pem, 0000), 'PC201', 'cannot be opened', change_mode($pem, 0600) ],
	[ 'key file readable by the group', change_mode($pem, 0640), 'PC201', 'group or others', change_mode($pem, 0600) ],
	[ 'key file readable by others', change_mode($pem, 0604), 'PC201', 'group or others', change_mode($pem, 0600) ],
	[ 'key file empty', replace_by($pem, ''), 'PC201', 'PKCS#8', move_back($pem) ],
	[ 'key file of another kind', replace_by($pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
		'PC201', 'PKCS#8', move_back($pem) ],
	[ 'key file too long', replace_by($pem, 'x' x 5000), 'PC201', 'PKCS#8', move_back($pem) ],
	[ 'key of another ledger', replace_by($pem, sub { slurp("$other/epoch-000001.pem") }),
		'PC201', 'verifier key is.*but that of epoch 1 is', move_back($pem) ],
	[ 'key file a symbolic link', sub { move($pem, $aside); symlink $aside, $pem }, 'PC201', 'cannot be opened',
		move_back($pem) ],
	[ 'key file a directory', sub { move($pem, $aside); mkdir $pem }, 'PC201', 'not a regular file',
		sub { rmdir $pem; move($aside, $pem) } ],
	[ 'memory missing', move_away($memory), 'PC203', 'memory.*is missing', move_back($memory) ],
	[ 'memory damaged', replace_by($memory, "nothing\n"), 'PC203', 'cannot be read', move_back($memory) ],
	[ 'memory cut short', replace_by($memory, sub { substr(slurp($aside), 0, 60) }), 'PC203', 'cannot be read',
		move_back($memory) ],
	[ 'memory of another ledger', replace_by($memory, sub { slurp("$other/signed") }), 'PC203', 'refuses to go on',
		move_back($memory) ],
	[ 'memory readable by others', change_mode($memory, 0644), 'PC201', 'group or others', change_mode($memory, 0600) ],
	[ 'folder lost', move_away($folder), 'PC201', 'is missing', move_back($folder) ],
	[ 'folder not writable', change_mode($folder, 0500), '42501', 'could not create file', change_mode($folder, 0700) ],
	[ 'key directory open to the group', change_mode($directory, 0750), 'PC202', 'group or others may enter',
		change_mode($directory, 0700) ],
	[ 'key directory inside the data directory', set_directory($inside), 'PC202', 'inside the data directory',
		set_directory('') ],
	[ 'key directory linked into the data directory', set_directory($link), 'PC202', 'inside the data directory',
		set_directory('') ],
	[ 'key directory a file', set_directory($file), 'PC202', 'not a directory', set_directory('') ],
	[ 'key directory not absolute', set_directory('keys'), 'PC202', 'not an absolute path', set_directory('') ],
	[ 'key directory that cannot be made', set_directory('/proc/none/keys'), 'PC202', 'could not create', set_directory('') ],
);

foreach my $scenario (@scenarios)
{
	my ($name, $spoil, $sqlstate, $pattern, $repair) = @$scenario;

	$node->safe_psql('postgres', "INSERT INTO t (n) VALUES ('spoiled')");
	$spoil->();
	my $err = fails_with($node, 'SELECT custody.seal()', $sqlstate, $pattern, "$name: refused");
	like($err, qr/DETAIL:.*HINT:/s, "$name: detail and hint");
	unlike($err, qr/[A-Za-z0-9+\/]{60}/, "$name: no key bytes in the message")
	  unless $name eq 'key of another ledger';
	$repair->();
	$size += 2;
	is($node->safe_psql('postgres', 'SELECT custody.seal()'), $size, "$name: sealed when repaired");
}
ok(!-e $inside, 'nothing was made inside the data directory');
sealed_once($node, 'after all');
verifies_clean($node, 'after all');

# What a killed writer may have left does no harm.
spew("$memory.tmp", 'half');
$node->safe_psql('postgres', "INSERT INTO t (n) VALUES ('temporary')");
is($node->safe_psql('postgres', 'SELECT custody.seal()'), $size + 2, 'a temporary file left behind is replaced');
ok(!-e "$memory.tmp", 'and gone');

# Crashes in the middle of a pass, made by taking steps back by hand
my @states = (
	[ 'signed, checkpoint not stored', sub { } ],
	[ 'block written, not signed', sub { spew($memory, shift) } ],
);
foreach my $state (@states)
{
	my ($name, $undo) = @$state;
	my $before = slurp($memory);

	$node->safe_psql('postgres', "INSERT INTO t (n) VALUES ('crash')");
	$size = $node->safe_psql('postgres', 'SELECT custody.seal()');
	my $note = $node->safe_psql('postgres', 'SELECT custody.checkpoint()');
	$node->safe_psql('postgres', "DELETE FROM custody.log_checkpoint WHERE tree_size = $size");
	$undo->($before);
	is($node->safe_psql('postgres', 'SELECT custody.seal()'), $size, "$name: no second block");
	is($node->safe_psql('postgres', 'SELECT custody.checkpoint()'), $note, "$name: the same head is signed again");
}
verifies_clean($node, 'after crashes');

# Origin
$node->append_conf('postgresql.conf', "custody.origin = 'hospital.example/ledger'\n");
$node->reload;
$node->safe_psql('postgres', 'CREATE DATABASE third');
add_ledger($node, 'third');
$node->safe_psql('third', 'SELECT custody.seal()');
like($node->safe_psql('third', 'SELECT custody.checkpoint()'), qr{\Ahospital\.example/ledger\n},
	'origin from the setting');
$node->safe_psql('postgres', "INSERT INTO t (n) VALUES ('origin'); ");
$node->safe_psql('postgres', 'SELECT custody.seal()');
like($node->safe_psql('postgres', 'SELECT custody.checkpoint()'), qr{\Apg-custody/},
	'a ledger that has begun keeps its origin');
$node->safe_psql('postgres', 'CREATE DATABASE fourth');
add_ledger($node, 'fourth');
foreach my $origin ('a b', '/a', 'a/', 'a+b', 'a_b', 'x' x 256)
{
	my ($ret, $out, $err) =
	  $node->psql('postgres', "LOAD 'pg_custody'; ALTER SYSTEM SET custody.origin = '$origin'");
	like($err, qr/invalid value for parameter "custody.origin"/, "origin \"$origin\" is refused");

	# Written where no library looked on
	$node->append_conf('postgresql.conf', "custody.origin = '$origin'\n");
	$node->reload;
	($ret, $out, $err) = $node->psql('fourth', "\\set VERBOSITY verbose\nSELECT custody.seal()");
	like($err, qr/ERROR:  F0000: invalid value for parameter "custody.origin".*HINT:/s,
		"no ledger begins as \"$origin\"");
}
$node->append_conf('postgresql.conf', "custody.origin = 'hospital.example/fourth'\n");
$node->reload;
is($node->safe_psql('fourth', 'SELECT custody.seal()'), '4', 'it begins when the origin is good');
$node->stop;

done_testing();
