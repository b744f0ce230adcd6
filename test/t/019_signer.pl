#!/usr/bin/perl
#
# Keys with a signer, a process of its own: what it answers whom, what it
# refuses to sign, what happens when it is away or has lost what it had, keys
# that follow each other, and a ledger that moves to it.

use strict;
use warnings;

use File::Copy;
use FindBin;
use IO::Socket::UNIX;
use lib $FindBin::RealBin;
use MIME::Base64;

use CustodySigner;
use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

umask 0077;

my $me = getpwuid($<);
my $work = PostgreSQL::Test::Utils::tempdir;
my ($directory, $socket, $logfile) = signer_paths();

# Options
command_fails_like([ 'pg_custody_signer', '--directory', $directory, '--socket', $socket ], qr/--allow/, 'somebody must be allowed');
command_fails_like([ 'pg_custody_signer', '--directory', $directory, '--socket', $socket, '--allow', $me, '--make-key', 'x' ],
	qr/need --key-uri/, 'commands need a store');
command_fails_like([ 'pg_custody_signer', '--directory', $directory, '--socket', $socket, '--allow', $me, '--key-uri', 'pkcs11:%x' ],
	qr/all that may follow/, 'unknown percent word');
chmod 0755, $directory;
command_fails_like([ 'pg_custody_signer', '--directory', $directory, '--socket', $socket, '--allow', $me ], qr/0700/,
	'a directory that others may enter');
chmod 0700, $directory;

start_signer();
command_fails_like([ 'pg_custody_signer', '--directory', $directory, '--socket', "$socket.2", '--allow', $me ],
	qr/another signer uses/, 'one signer for a directory');

my $node = start_node('signer', conf => "custody.signer = 'unix:$socket'\ncustody.signer_timeout = '2s'\n");
sub sql { return $node->safe_psql('postgres', shift) }
sub insert { return sql("INSERT INTO t (n) VALUES ('$_[0]')") }
add_ledger($node);
sql('SELECT custody.seal()');
verifies_clean($node, 'with a signer');
my $id = sql('SELECT ledger_id FROM custody.log_incarnation');
my $folder = "$directory/$id";
ok(-e "$folder/epoch-000001.pem", 'the signer has the private key');
ok(!glob(key_directory($node) . '/*/epoch-*'), 'the server has none');
is(sprintf('%04o', (stat "$folder/epoch-000001.pem")[2] & 07777), '0600', 'its file is private');
is((slurp("$folder/signed") =~ /^cluster .*\nepoch 1\n(.*)/s)[0], sql('SELECT custody.checkpoint()'), 'its memory is the last checkpoint');
insert('one');
my $size = sql('SELECT custody.seal()');

# What it refuses, asked by one who may ask: a table of name, request, answer.
my $cluster = (slurp("$folder/signed") =~ /^(cluster .*)\n/)[0];
my $origin = sql('SELECT origin FROM custody.log_incarnation');
my $root = (split /\n/, sql('SELECT custody.checkpoint()'))[2];
my $first = (split /\n/, sql('SELECT custody.checkpoint((SELECT min(tree_size) FROM custody.log_checkpoint))'))[1];
my $first_root = (split /\n/, sql("SELECT custody.checkpoint($first)"))[2];
my $zeros = encode_base64("\0" x 32, '');
my $head = "pg_custody signer v1\nledger $id\n";

sub sign_request
{
	my (%p) = @_;
	%p = (epoch => 1, handover => 'no', old => $size, hashes => [], origin => $origin, %p);
	return join("\n", "${head}sign", $cluster, "epoch $p{epoch}", "handover $p{handover}", "old $p{old}", @{ $p{hashes} }, '',
		$p{origin}, $p{size}, $p{root}) . "\n";
}

my $memory = slurp("$folder/signed");
my $larger = $size + 1;
my @refusals = (
	[ 'smaller log', sign_request(size => $first, root => $first_root, old => 0), qr/^refused\n.*smaller/ ],
	[ 'smaller log, with a proof from itself', sign_request(size => $first, root => $first_root, old => $first), qr/^refused\n.*smaller/ ],
	[ 'empty log', sign_request(size => 0, root => $zeros, old => 0), qr/^refused\n.*smaller/ ],
	[ 'another root at the same size', sign_request(size => $size, root => $zeros), qr/^refused\n.*Another root/ ],
	[ 'the same head by two keys', sign_request(size => $size, root => $root, handover => 'yes'), qr/^refused\n.*by other keys/ ],
	[ 'larger log without proof', sign_request(size => $larger, root => $zeros), qr/^refused\n.*not shown to hold/ ],
	[ 'larger log with a wrong proof', sign_request(size => $larger, root => $zeros, hashes => [ $root, $zeros, $root ]), qr/^refused\n.*not shown/ ],
	[ 'larger log as if nothing had been signed', sign_request(size => $larger, root => $zeros, old => 0), qr/^refused\n.*proof is from size 0/ ],
	[ 'larger log with a proof from an older one', sign_request(size => $larger, root => $zeros, old => $first), qr/^refused\n.*proof is from/ ],
	[ 'another origin', sign_request(size => $larger, root => $zeros, origin => "$origin/x"), qr/^refused\n.*has the origin/ ],
	[ 'unknown ledger', sign_request(size => $larger, root => $zeros) =~ s/ledger \S+/ledger 00000000-0000-4000-8000-000000000000/r, qr/^refused\n.*missing/ ],
	[ 'key of an older epoch', "${head}key\n$cluster\nepoch 4\norigin $origin\n", qr/^unknown\n/ ],
	[ 'key of another origin', "${head}key\n$cluster\nepoch 1\norigin other\n", qr/^refused\n.*origin/ ],
	[ 'nothing', '', qr/^malformed\n/ ],
	[ 'another protocol', "GET / HTTP/1.1\r\n\r\n", qr/^malformed\n/ ],
	[ 'a path for a ledger', "pg_custody signer v1\nledger ../../../../../../../etc/passwd.....\nstatus\n", qr/^malformed\n/ ],
	[ 'no verb', $head, qr/^malformed\n/ ],
	[ 'another verb', "${head}steal\n", qr/^malformed\n/ ],
	[ 'half a request', substr(sign_request(size => $larger, root => $zeros), 0, 150), qr/^malformed\n/ ],
	[ 'more after it', "${head}status\nmore\n", qr/^malformed\n/ ],
	[ 'too long', "${head}status\n" . 'x' x 100000, qr/^malformed\n/ ],
);
foreach my $refusal (@refusals)
{
	my ($name, $request, $answer) = @$refusal;
	like(ask($request), $answer, "$name: refused");
}
is(slurp("$folder/signed"), $memory, 'nothing of that is remembered');
is(ask(sign_request(size => $size, root => $root)), "ok\n" . sql('SELECT custody.checkpoint()'),
	'the head signed last: the same note again');
is(ask("${head}status\n"), "ok\nkeys 1 1\n$memory", 'status: keys and memory');
unlike(ask("${head}status\n") . ask("${head}key\n$cluster\nepoch 1\norigin $origin\n"), qr/PRIVATE/, 'no private key leaves');
insert('two');
is(sql('SELECT custody.seal()'), $size += 2, 'and it signs what grows');
verifies_clean($node, 'after refusals');

# A caller that sends nothing keeps nobody out for long.
my $idle = IO::Socket::UNIX->new(Peer => $socket) or die $!;
$node->append_conf('postgresql.conf', "custody.signer_timeout = '20s'\n");
$node->reload;
insert('behind an idle caller');
is(sql('SELECT custody.seal()'), $size += 2, 'an idle caller only delays');
close $idle;

# Keys that follow each other
my $old = "$folder/epoch-000001.pem";
link($old, "$work/link") or die $!;
my $length = -s $old;
is(sql('SELECT custody.rotate_key()'), 2, 'rotate_key()');
is(slurp("$work/link"), "\0" x $length, 'the old private key was overwritten');
is_deeply([ map { (split m{/})[-1] } glob("$folder/epoch-*") ], ['epoch-000002.pem'], 'only the new one is there');
my $note = sql('SELECT custody.checkpoint((SELECT handover_size FROM custody.keys WHERE epoch = 2))');
is(scalar(() = $note =~ /^\x{e2}\x{80}\x{94}|^\N{U+2014}/mg), 2, 'two keys signed the hand-over');
insert('of the new epoch');
sql('SELECT custody.seal()');
verifies_clean($node, 'rotated');
sealed_once($node, 'rotated');
($size, $root) = (split /\n/, sql('SELECT custody.checkpoint()'))[ 1, 2 ];
like(ask(sign_request(size => $size + 1, root => $zeros)), qr/^refused\n/, 'the key of the old epoch signs nothing');

# What a crash leaves, made by taking steps back by hand
sub unstore { sql('DELETE FROM custody.log_checkpoint WHERE tree_size = (SELECT max(tree_size) FROM custody.log_checkpoint)') }
foreach my $state ([ 'signed, not stored', 0, 0 ], [ 'sealed, not signed', 1, 0 ], [ 'old key not destroyed', 0, 1 ])
{
	my ($name, $forget, $keep) = @$state;
	my $epoch = sql('SELECT epoch FROM custody.status');
	my $pem = sprintf('%s/epoch-%06d.pem', $folder, $epoch);
	my %before = (memory => slurp("$folder/signed"), pem => slurp($pem));

	sql('SELECT custody.rotate_key()');
	$note = sql('SELECT custody.checkpoint()');
	unstore();
	spew("$folder/signed", $before{memory}) if $forget;
	spew($pem, $before{pem}) if $forget || $keep;
	sql('SELECT custody.seal()');
	is(sql('SELECT custody.checkpoint()'), $note, "$name: the same head, by the same keys");
	ok(!-e $pem, "$name: the old key is destroyed");
	insert($name);
	sql('SELECT custody.seal()');
	verifies_clean($node, $name);
}

# Away, and back.  Writers go on.
stop_signer('KILL');
ok(-S $socket, 'a killed signer leaves its socket');
insert('while it is away');
fails_with($node, 'SELECT custody.seal()', 'PC205', 'cannot be reached.*Could not connect.*HINT:', 'signer away');
is(sql('SELECT count(*) FROM custody.history(\'t\') WHERE NOT sealed'), 1, 'the change is captured');
start_signer();
sql('SELECT custody.seal()');
is(sql('SELECT count(*) FROM custody.history(\'t\') WHERE NOT sealed'), 0, 'and sealed when it is back');
verifies_clean($node, 'signer back');

# Not who may ask
stop_signer();
ok(!-e $socket, 'a signer that is stopped takes its socket away');
start_signer('--allow', 'nobody');
like(ask("${head}status\n"), qr/^denied\nUser $< /, 'another user is not answered');
insert('denied');
fails_with($node, 'SELECT custody.seal()', '42501', 'does not answer this user.*HINT:.*--allow', 'the server as another user');
stop_signer();

# Silent
my $silent = IO::Socket::UNIX->new(Local => $socket, Listen => 5) or die $!;
$node->append_conf('postgresql.conf', "custody.signer_timeout = '300ms'\n");
$node->reload;
fails_with($node, 'SELECT custody.seal()', 'PC205', 'No answer within 300 ms', 'a signer that does not answer');
close $silent;
unlink $socket;
$node->append_conf('postgresql.conf', "custody.signer_timeout = '20s'\n");
$node->reload;
start_signer();
sql('SELECT custody.seal()');
verifies_clean($node, 'after silence');

# Not the server's: a signer with another key of that epoch
my $epoch = sql('SELECT epoch FROM custody.status');
my $pem = sprintf('%s/epoch-%06d.pem', $folder, $epoch);
move($pem, "$work/aside");
system_or_bail('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', $pem);
$memory = slurp("$folder/signed");
insert('another key');
fails_with($node, 'SELECT custody.seal()', 'PC201', 'signed with another key', 'a note by another key is not taken');
move("$work/aside", $pem);
spew("$folder/signed", $memory);
sql('SELECT custody.seal()');
verifies_clean($node, 'the key put back');

# Lost: memory, key, both
foreach my $lost ([ 'memory', ["$folder/signed"], 'PC201', 'does not have the key' ],
	[ 'key', [$pem], 'PC201', 'does not have the key' ])
{
	my ($name, $paths, $sqlstate, $pattern) = @$lost;
	move($_, "$_.aside") foreach @$paths;
	insert("lost $name");
	fails_with($node, 'SELECT custody.seal()', $sqlstate, $pattern, "$name lost: sealing stops");
	like(ask("${head}key\n$cluster\nepoch $epoch\norigin $origin\n"), qr/^(refused|unknown)\n/, "$name lost: nothing is made in its place");
	move("$_.aside", $_) foreach @$paths;
	sql('SELECT custody.seal()');
}
spew("$folder/signed.keep", slurp("$folder/signed"));
spew("$folder/signed", 'nothing');
insert('damaged');
fails_with($node, 'SELECT custody.seal()', 'PC201', 'does not have the key', 'memory damaged: sealing stops');
move("$folder/signed.keep", "$folder/signed");
sql('SELECT custody.seal()');
move($folder, "$work/lost") or die $!;
insert('all is lost');
fails_with($node, 'SELECT custody.seal()', 'PC201', 'does not have the key.*new_incarnation', 'folder lost: sealing stops');
is(sql(q{SELECT custody.new_incarnation('the signer lost its disk')}), 2, 'a new incarnation goes on');
isnt(sql('SELECT ledger_id FROM custody.log_incarnation WHERE incarnation = 2'), $id, 'under another id and key');
insert('in the second incarnation');
sql('SELECT custody.seal()');
verifies_clean($node, 'second incarnation');

# Restored from an older backup, unseen: same system, same timeline
$node->stop;
my $backup = $node->data_dir . '.backup';
system_or_bail('cp', '-a', $node->data_dir, $backup);
$node->start;
insert('lost by the restore');
sql('SELECT custody.seal()');
my $signed = sql('SELECT custody.checkpoint()');
$node->stop;
system_or_bail('rm', '-rf', $node->data_dir);
move($backup, $node->data_dir) or die $!;
$node->start;
insert('another history');
fails_with($node, 'SELECT custody.seal()', 'PC203', 'refuses to go on.*new_incarnation', 'rolled back: refused');
sql(q{SELECT custody.new_incarnation('restored from a backup')});
my $last = (split /\n/, $signed)[1];
is(sql('SELECT max(incarnation) FROM custody.log_incarnation'), 3, 'rolled back: a third incarnation');
verifies_clean($node, 'rolled back');
my $refused = ask("pg_custody signer v1\nledger " . sql('SELECT ledger_id FROM custody.log_incarnation WHERE incarnation = 2') . "\nstatus\n");
like($refused, qr/\Q$signed\E\z/, 'of the second the signer remembers what was lost');

# A ledger that moves from the server to the signer
$node->append_conf('postgresql.conf', "custody.signer = ''\n");
$node->reload;
$node->safe_psql('postgres', 'CREATE DATABASE mover');
add_ledger($node, 'mover');
$node->safe_psql('mover', 'SELECT custody.seal()');
my $here = ledger_folder($node, 'mover');
my $there = $directory . '/' . (split m{/}, $here)[-1];
$node->append_conf('postgresql.conf', "custody.signer = 'unix:$socket'\n");
$node->reload;
my ($ret, $out, $err) = $node->psql('mover', 'SELECT custody.seal()');
like($err, qr/does not have the key of epoch 1/, 'moving: the signer does not have the key yet');
mkdir $there, 0700;
copy("$here/$_", "$there/$_") && chmod 0600, "$there/$_" or die $! foreach 'signed', 'epoch-000001.pem';
is($node->safe_psql('mover', 'SELECT custody.rotate_key()'), 2, 'moved: the signer makes the next key');
ok(!-e "$here/epoch-000001.pem" && !-e "$there/epoch-000001.pem", 'moved: the old one is destroyed on both sides');
verifies_clean($node, 'moved', 'mover');

# Values that name no signer
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
add_ledger($node, 'fresh');
foreach my $value ('tcp:10.0.0.1', 'unix:relative', '/run/signer', 'unix:/' . 'x' x 200)
{
	($ret, $out, $err) = $node->psql('postgres', "LOAD 'pg_custody'; ALTER SYSTEM SET custody.signer = '$value'");
	like($err, qr/invalid value for parameter "custody.signer"/, "\"$value\" is refused");
	$node->append_conf('postgresql.conf', "custody.signer = '$value'\n");
	$node->reload;
	($ret, $out, $err) = $node->psql('fresh', "\\set VERBOSITY verbose\nSELECT custody.seal()");
	like($err, qr/ERROR:  F0000: invalid value for parameter "custody.signer".*HINT:/s, "no key is made under \"$value\"");
}
ok(!glob(ledger_folder($node, 'fresh') . '/epoch-*'), 'nor in the key directory');
$node->append_conf('postgresql.conf', "custody.signer = 'unix:$socket'\n");
$node->reload;

# With a sealer of the background: an alarm while the signer is away
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_custody'\n");
$node->restart;
stop_signer();
insert('for the sealer');
$node->poll_query_until('postgres', q{SELECT alarms::text LIKE '%cannot be reached%' FROM custody.status}) or die 'no alarm';
pass('an alarm says that the signer cannot be reached');
insert('writers go on');
start_signer();
wait_until_sealed($node);
$node->poll_query_until('postgres', q{SELECT alarms = '{}' FROM custody.status}) or die 'alarm stays';
pass('all is sealed when it is back, and the alarm goes');
verifies_clean($node, 'at the end');
$node->stop;
stop_signer();

done_testing();
