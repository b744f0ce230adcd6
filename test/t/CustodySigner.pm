# A signer of its own for tests: started, stopped, asked; and the claims that
# are made of keys in a store, whichever it is.

package CustodySigner;

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::UNIX;
use IPC::Run;
use Socket qw(SHUT_WR);

use CustodyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(signer_paths start_signer stop_signer ask keys_in_store);

my ($directory, $socket, $logfile, $signer);

# What the signer's environment has more than ours.
my %environment;

# Folder of keys, socket and log of the signer, which has not started yet.
sub signer_paths
{
	my $work = PostgreSQL::Test::Utils::tempdir;
	$directory = "$work/keys";
	$socket = PostgreSQL::Test::Utils::tempdir_short() . '/signer';
	$logfile = "$work/signer.log";
	mkdir $directory, 0700 or die $!;
	return ($directory, $socket, $logfile);
}

# Options say who may ask; none: this user.
sub start_signer
{
	my (@options) = @_;
	my $offset = -s $logfile // 0;
	push @options, '--allow', scalar getpwuid($<) if !grep { $_ eq '--allow' } @options;
	local %ENV = (%ENV, %environment);
	$signer = IPC::Run::start([ 'pg_custody_signer', '--directory', $directory, '--socket', $socket, @options ],
		'>>', $logfile, '2>>', $logfile);
	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if slurp_file($logfile, $offset) =~ /listening/;
		select(undef, undef, undef, 0.1);
	}
	die 'the signer does not start: ' . slurp($logfile);
}

sub stop_signer
{
	my ($signal) = @_;
	$signer->signal($signal // 'TERM');
	$signer->finish || $signal or die 'the signer ended badly: ' . slurp($logfile);
	return;
}

END
{
	local $?;
	$signer->kill_kill if defined $signer && $signer->pumpable;
}

# Ask as a program of one's own would.
sub ask
{
	my ($request) = @_;
	my $connection = IO::Socket::UNIX->new(Peer => $socket) or die "connect: $!";
	local $SIG{PIPE} = 'IGNORE';
	my $answer = '';
	$connection->syswrite($request);
	shutdown($connection, SHUT_WR);
	while ($connection->sysread(my $piece, 65536)) { $answer .= $piece; }
	return $answer;
}

# Keys in a store: URI, command that makes and that destroys one, a sub that
# tells whether the store has the private key of a ledger and an epoch, and
# perhaps what the signer's environment needs.
sub keys_in_store
{
	my ($name, %store) = @_;
	my @options = map { ("--$_", $store{$_}) } qw(key-uri make-key destroy-key);
	%environment = %{ $store{environment} // {} };
	my $node = start_node($name =~ tr/a-zA-Z0-9/_/cr, conf => "custody.signer = 'unix:$socket'\n");
	my $sql = sub { $node->safe_psql('postgres', shift) };

	start_signer(@options);
	add_ledger($node);
	$sql->('SELECT custody.seal()');
	my $id = $sql->('SELECT ledger_id FROM custody.log_incarnation');
	ok($store{has}->($id, 1), "$name: the store has the key");
	is_deeply([ map { (split m{/})[-1] } glob("$directory/$id/*") ], ['signed'], "$name: beside the memory is no key");
	my $first = $sql->('SELECT custody.verifier_key()');

	is($sql->('SELECT custody.rotate_key()'), 2, "$name: rotated");
	ok(!$store{has}->($id, 1) && $store{has}->($id, 2), "$name: the next key is made, the old one destroyed");
	$sql->(q{INSERT INTO t (n) VALUES ('of the second key')});
	$sql->('SELECT custody.seal()');
	stop_signer('KILL');
	start_signer(@options);
	$sql->(q{INSERT INTO t (n) VALUES ('after a restart')});
	$sql->('SELECT custody.seal()');
	verifies_clean($node, $name);
	my $bundle = PostgreSQL::Test::Utils::tempdir() . '/ledger';
	spew($bundle, $sql->('SELECT * FROM custody.export()') . "\n");
	command_ok([ 'pg_custody_verify', 'bundle', '--key', $first, $bundle ], "$name: so it does offline, by the first key");

	# Commands that do not do their work
	stop_signer();
	start_signer('--key-uri', $store{'key-uri'}, '--make-key', 'true', '--destroy-key', 'true');
	fails_with($node, 'SELECT custody.rotate_key()', 'PC205', 'cannot be loaded after it was made', "$name: no key was made");
	stop_signer();
	start_signer('--key-uri', $store{'key-uri'}, '--make-key', 'false', '--destroy-key', 'false');
	fails_with($node, 'SELECT custody.rotate_key()', 'PC205', 'command for the key of epoch 3 ended', "$name: the command failed");
	stop_signer();
	start_signer('--key-uri', $store{'key-uri'}, '--make-key', $store{'make-key'}, '--destroy-key', 'true');
	fails_with($node, 'SELECT custody.rotate_key()', 'PC205', 'still in the store', "$name: the old key was not destroyed");
	stop_signer();
	start_signer(@options);
	is($sql->('SELECT custody.seal()') > 0 && $sql->('SELECT epoch FROM custody.status'), 3, "$name: goes on where it stopped");
	ok(!$store{has}->($id, 2) && $store{has}->($id, 3), "$name: the old key is destroyed now");
	verifies_clean($node, "$name, after failures");

	# A key without the memory of what it signed
	rename("$directory/$id", "$directory/aside") or die $!;
	my $origin = $sql->('SELECT origin FROM custody.log_incarnation');
	like(ask("pg_custody signer v1\nledger $id\nkey\ncluster 1 2 3\nepoch 3\norigin $origin\n"),
		qr/^refused\n.*memory of what it signed is missing/, "$name: a key whose memory is lost is not used");
	rename("$directory/aside", "$directory/$id") or die $!;

	# Taken out
	system($store{'destroy-key'} =~ s/%l/$id/gr =~ s/%e/3/gr =~ s/%%/%/gr) == 0 or die 'destroy';
	$sql->(q{INSERT INTO t (n) VALUES ('without a key')});
	fails_with($node, 'SELECT custody.seal()', 'PC201', 'does not have the key of epoch 3', "$name: key lost, sealing stops");
	$sql->(q{SELECT custody.new_incarnation('the key is lost')});
	verifies_clean($node, "$name, in a new incarnation");
	stop_signer();
	$node->stop;
	return;
}

1;
