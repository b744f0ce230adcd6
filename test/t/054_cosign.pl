#!/usr/bin/perl
#
# Two databases witness each other for a thousand checkpoints.  Then one is
# restored from a backup, key directory and all, and goes on differently: the
# other refuses it, also when it was restored itself.

use strict;
use warnings;

use File::Copy;
use File::Path qw(rmtree);
use FindBin;
use lib $FindBin::RealBin;

use CustodyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = 10;
my $each = 100;

# Sealed when a commit waits for it, or when asked
my ($north, $south) = map
{
	my $node = start_node($_, preload => 1,
		conf => "custody.origin = '$_.example/ledger'\ncustody.seal_interval = '3600s'\n");
	add_ledger($node);
	$node->safe_psql('postgres', q{
		CREATE TABLE request (no bigint GENERATED ALWAYS AS IDENTITY, body text);
		CREATE TABLE answer (no bigint, line text);
		SELECT custody.seal()});
	$node;
} qw(north south);

my %log_key = map { $_->name => $_->safe_psql('postgres', 'SELECT custody.verifier_key()') } $north, $south;
my %witness_key = map { $_->name => $_->safe_psql('postgres', 'SELECT custody.witness_key()') } $north, $south;
like($witness_key{north}, qr{^north\.example/ledger/witness\+[0-9a-f]{8}\+B[A-P]}, 'a witness has a key of its own');

sub other { return $_[0] == $north ? $south : $north }

# Insert and seal so many times; the size of the log.
sub grow
{
	my ($node, $n) = @_;
	$node->safe_psql('postgres', "INSERT INTO t (n) VALUES ('more');\nSELECT custody.seal();\n" x $n);
	return size($node);
}

sub size { return $_[0]->safe_psql('postgres', 'SELECT max(tree_size) FROM custody.log_checkpoint') }

sub request
{
	my ($node, $old, $size) = @_;
	return $node->safe_psql('postgres', "SELECT custody.prove_consistency($old, $size)") . "\n";
}

# What a witness answers, or its complaint.
sub ask
{
	my ($witness, $request) = @_;
	my ($ret, $out, $err) = $witness->psql('postgres', "\\set VERBOSITY verbose\nSELECT custody.cosign_checkpoint(\$r\$$request\$r\$)");
	return $ret == 0 && $err eq '' ? $out : $err;
}

sub cosigned_size
{
	my ($witness) = @_;
	return $witness->safe_psql('postgres', "SELECT size FROM custody.cosigned WHERE origin = '" . other($witness)->name . ".example/ledger'");
}

# The checkpoints after a size, as a list of [request, checkpoint before].
sub requests
{
	my ($node, $from) = @_;
	return map { [ map { pack('H*', $_) } split /\|/ ] } split /\n/, $node->safe_psql('postgres', qq{
		SELECT encode(convert_to(custody.prove_consistency(old, tree_size), 'UTF8'), 'hex'),
			encode(convert_to(custody.checkpoint(nullif(old, 0)), 'UTF8'), 'hex')
		FROM (SELECT tree_size, lag(tree_size, 1, $from) OVER (ORDER BY tree_size) AS old
			  FROM custody.log_checkpoint WHERE tree_size > $from) c ORDER BY tree_size});
}

# Have them all cosigned, one after the other; the lines.
sub cosign_all
{
	my ($witness, @requests) = @_;
	my $file = $witness->basedir . '/requests';
	spew($file, join('', map { unpack('H*', $_->[0]) . "\n" } @requests));
	return map { pack('H*', $_) } split /\n/, $witness->safe_psql('postgres', qq{
		TRUNCATE request, answer;
		COPY request (body) FROM '$file';
		DO \$\$
		DECLARE r request;
		BEGIN
			FOR r IN SELECT * FROM request ORDER BY no LOOP
				INSERT INTO answer VALUES (r.no, custody.cosign_checkpoint(convert_from(decode(r.body, 'hex'), 'UTF8')));
			END LOOP;
		END \$\$;
		SELECT encode(convert_to(line, 'UTF8'), 'hex') FROM answer ORDER BY no});
}

# The log stores the lines under its checkpoints, which it does only if they
# verify; how many it stored.
sub store_all
{
	my ($log, $requests, $lines) = @_;
	my $file = $log->basedir . '/lines';
	spew($file, join('', map { (split /\n/, $requests->[$_][0] =~ s/\A.*?\n\n//sr)[1] . "\t" . unpack('H*', $lines->[$_]) . "\n" } 0 .. $#$requests));
	return $log->safe_psql('postgres', qq{
		TRUNCATE answer;
		COPY answer FROM '$file';
		SELECT sum(custody.add_cosignature(no, convert_from(decode(line, 'hex'), 'UTF8'))) FROM answer});
}

# One in ten is also checked by the offline program, where the witness must
# have signed that the log only grew; how many fail.
my $checks = $north->basedir . '/checks';
mkdir($checks) or die $!;
sub count_refused
{
	my ($log, $requests, $lines) = @_;
	my $witness = $witness_key{ other($log)->name };
	my $script = '';
	spew("$checks/policy", "log $log_key{$log->name}\nwitness w $witness\nquorum w\n");
	foreach my $i (grep { $_ % 10 == 0 } 0 .. $#$requests)
	{
		spew("$checks/$i", $requests->[$i][0] . $lines->[$i]);
		spew("$checks/$i.old", $requests->[$i][1]);
		$script .= "pg_custody_verify consistency --policy policy --old $i.old $i >>log || echo $i\n";
	}
	spew("$checks/script", $script);
	my $failed = qx{cd '$checks' && sh ./script 2>&1};
	diag(substr($failed, 0, 1000)) if $failed ne '';
	return $failed =~ tr/\n//;
}

# Nobody is known before he was introduced.
like(ask($south, request($north, 0, size($north))), qr/PC404: log "north\.example\/ledger" is not known here/, 'an unknown log');
foreach my $node ($north, $south)
{
	my $other = other($node)->name;
	$node->safe_psql('postgres', "SELECT custody.trust_log('$log_key{$other}'), custody.trust_witness('$other', '$witness_key{$other}')");
}

# A thousand checkpoints
my %seen;
foreach my $log ($north, $south)
{
	$seen{$log->name} = size($log);
	like(ask(other($log), request($log, 0, size($log))), qr/witness/, $log->name . ': the first');
}
my %stored = (north => 0, south => 0);
my %refused = (north => 0, south => 0);
my %cosigned = (north => 0, south => 0);
my $began = time;
foreach my $round (1 .. $rounds)
{
	foreach my $log ($north, $south)
	{
		$log->safe_psql('postgres', "SET custody.synchronous_seal = on;\n" . "INSERT INTO t (n) VALUES ('more');\n" x $each);
		my @requests = requests($log, $seen{$log->name});
		my @lines = cosign_all(other($log), @requests);
		$cosigned{$log->name} += grep { /\A\xE2\x80\x94 \S+ \S+\n\z/ } @lines;
		$stored{$log->name} += store_all($log, \@requests, \@lines);
		$refused{$log->name} += count_refused($log, \@requests, \@lines);
		$seen{$log->name} = size($log);
	}
}
note('seconds for the thousand: ' . (time - $began));
foreach my $log ($north, $south)
{
	cmp_ok($cosigned{$log->name}, '>=', $rounds * $each, $log->name . ': a thousand checkpoints are cosigned');
	is($stored{$log->name}, $cosigned{$log->name}, $log->name . ': every line verifies under the witness\'s key and is stored');
	is($refused{$log->name}, 0, $log->name . ': and those that are checked offline do so, too');
	like($log->safe_psql('postgres', 'SELECT custody.checkpoint()'), qr{^\S+ @{[ other($log)->name ]}\.example/ledger/witness \S+$}m,
		$log->name . ': the checkpoint shows the cosignature');
	is(cosigned_size(other($log)), size($log), $log->name . ': the witness remembers the last');
}
foreach my $node ($north, $south)
{
	$node->safe_psql('postgres', 'SELECT custody.seal()');
	verifies_clean($node, $node->name);
	is($node->safe_psql('postgres', "SELECT count(*) FROM custody.entries WHERE operation = 'cosigned' AND leaf_index IS NOT NULL"),
		1 + $cosigned{ other($node)->name }, $node->name . ': its ledger says what it cosigned');
}

# From here on nothing is sealed but by custody.seal().
foreach my $node ($north, $south)
{
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
	$node->restart;
}

# A caller who rolls back takes nothing back.
grow($north, 1);
my $s0 = size($north);
my $growth = request($north, $seen{north}, $s0);
like(ask($south, $growth), qr{^\S+ south\.example/ledger/witness \S+\n$}, 'one line');
$south->psql('postgres', "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT custody.cosign_checkpoint(\$r\$" . request($north, $s0, grow($north, 1)) . "\$r\$); ROLLBACK");
$s0 = size($north);
is(cosigned_size($south), $s0, 'what was cosigned stays cosigned after ROLLBACK');
my $complaint = ask($south, $growth);
like($complaint, qr/PC410: log .* was rolled back: size \d+ comes after size $s0\n.*DETAIL:  The size to use is $s0\.\n/s, 'an old checkpoint');
like(ask($south, request($north, 0, $s0)), qr/PC409: .*\n.*DETAIL:  The size to use is $s0\.\n/s, 'a conflict says which size to use');

# Many at once: one wins, the others are told; nobody fails to serialize.
{
	my $from = $s0;
	my @requests;
	foreach (1 .. 6)
	{
		grow($north, 1);
		push @requests, request($north, $from, size($north));
	}
	my @runs = map
	{
		my $n = $_;
		my $out = '';
		my $err = '';
		my $script = "\\set VERBOSITY verbose\nBEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT count(*) FROM custody.cosigned;\nSELECT custody.cosign_checkpoint(\$r\$$requests[$n]\$r\$);\nCOMMIT;\n";
		my $run = { out => \$out, err => \$err };
		$run->{harness} = IPC::Run::start([ 'psql', '-XAtq', '-d', $south->connstr('postgres') ], '<', \$script, '>', \$out, '2>', \$err);
		$run;
	} 0 .. $#requests;
	$_->{harness}->finish foreach @runs;
	my @won = grep { ${ $_->{out} } =~ /witness/ } @runs;
	is(scalar @won, 1, 'of many requests from one size, one is cosigned');
	is(scalar(grep { ${ $_->{err} } =~ /PC409|PC410/ } @runs), $#requests, 'and the others are told');
	$s0 = size($north);
	ask($south, request($north, cosigned_size($south), $s0)) if cosigned_size($south) < $s0;
	is(cosigned_size($south), $s0, 'and go on from there');
}

# A crash in the middle of many requests
{
	my $before = $s0;
	grow($north, 40);
	my @requests = requests($north, $s0);
	my $script = join("\n", "\\echo begun", map { "SELECT custody.cosign_checkpoint(\$r\$$_->[0]\$r\$);" } @requests) . "\n";
	my $out = '';
	my $err = '';
	my $harness = IPC::Run::start([ 'psql', '-XAtq', '-d', $south->connstr('postgres') ], '<', \$script, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$harness->pump until $out =~ /(witness .*){5}/s;
	$south->stop('immediate');
	eval { $harness->finish };
	$south->start;
	my $answered = () = $out =~ /witness /g;
	cmp_ok($answered, '<', scalar @requests, 'the crash came in the middle');
	my ($least) = (split /\n/, $requests[ $answered - 1 ][0] =~ s/\A.*?\n\n//sr)[1];
	my ($known) = ask($south, request($north, 0, size($north))) =~ /size to use is (\d+)/;
	cmp_ok($known, '>=', $least, 'what was answered is remembered after a crash');
	like(ask($south, request($north, $known, size($north))), qr/^\xE2\x80\x94|^\x{2014}/, 'and the log goes on');
	$s0 = size($north);
	is(cosigned_size($south), $s0, 'as far as it has grown');
	verifies_clean($south, 'after the crash');
}

# Backups of both, taken cold
sub copy_folder
{
	my ($from, $to) = @_;
	rmtree($to);
	system_or_bail('cp', '-a', $from, $to);
}
sub backup
{
	my ($node, $name) = @_;
	$node->stop;
	copy_folder($_, "$_.$name") foreach $node->data_dir, key_directory($node);
	$node->start;
}
sub restore
{
	my ($node, $name, @which) = @_;
	$node->stop;
	copy_folder("$_.$name", $_) foreach @which;
	$node->start;
}

backup($north, 'cold');
backup($south, 'cold');
my @honest = ($s0, map { grow($north, 1) } 1 .. 3);
is($honest[3], $s0 + 7, 'a block of two leaves each, and the start of the server');
like(ask($south, request($north, $honest[$_], $honest[ $_ + 1 ])), qr/witness/, 'honest growth') foreach 0 .. 2;
grow($south, 1);

# The witness is restored, but not what it keeps beside its key.
restore($south, 'cold', $south->data_dir);
is(cosigned_size($south), $s0, 'a restored witness has forgotten');
fails_with($south, "INSERT INTO t (n) VALUES ('lost'); SELECT custody.seal()", 'PC203', 'signer refuses to go on', 'its own log does not go on');
like(ask($south, request($north, $s0, $honest[1])), qr/PC410: .*size $honest[1] comes after size $honest[3]/, 'but it remembers');
like(ask($south, request($north, $honest[3], $honest[3])), qr/witness/, 'cosigns again what it has cosigned');
is(cosigned_size($south), $honest[3], 'and records it');
push @honest, grow($north, 1);
like(ask($south, request($north, @honest[3, 4])), qr/witness/, 'and the log may grow');
is($south->safe_psql('postgres', "SELECT custody.new_incarnation('restored the copy: disk failed')"), '2', 'it goes on as a new incarnation');
is($south->safe_psql('postgres', 'SELECT custody.witness_key()'), $witness_key{south}, 'under the witness\'s key that others trust');
verifies_clean($south, 'a restored witness');
my $evidence = $south->safe_psql('postgres', q{SELECT convert_from(note, 'UTF8') FROM custody.cosigned});

# The log is restored, with its key and the signer's memory, and goes on differently.
restore($north, 'cold', $north->data_dir, key_directory($north));
is(size($north), $s0, 'the log is restored');
my @forged = ($s0);
$north->safe_psql('postgres', "INSERT INTO t (n) VALUES ('forged'); SELECT custody.seal()");
push @forged, size($north);
is($forged[1], $s0 + 3, 'its signer goes on as if nothing had been');
verifies_clean($north, 'a log that forgot');
my $refused = ask($south, request($north, $s0, $forged[1]));
like($refused, qr/PC410: log "north\.example\/ledger" was rolled back: size $forged[1] comes after size $honest[4]/, 'a log that was rolled back is refused');
push @forged, grow($north, 1) foreach 1 .. 5;
like(ask($south, request($north, $s0, $forged[-1])), qr/PC409: .*size to use is $honest[4]/s, 'having outgrown it does not help');
like(ask($south, request($north, $honest[4], $honest[4])), qr/PC422: log "north\.example\/ledger" has forked: two roots at size $honest[4]/, 'a fork is named');
like(ask($south, request($north, $honest[4], $forged[-1])), qr/PC422: .*is not shown to hold what was cosigned at size $honest[4]/, 'growth of a fork is refused');
my $found = $north->safe_psql('postgres', "SELECT code FROM custody.verify(anchors => ARRAY[\$n\$$evidence\n\$n\$])");
like($found, qr/anchor_mismatch/, 'what the witness holds convicts the log');

# And now the witness again, data directory alone
restore($south, 'cold', $south->data_dir);
is(cosigned_size($south), $s0, 'the witness has forgotten once more');
like(ask($south, request($north, $s0, $forged[1])), qr/PC410/, 'a restored witness still refuses the log that was rolled back');
like(ask($south, request($north, $honest[4], $honest[4])), qr/PC422: .*two roots at size/, 'and the fork');
like(ask($south, request($north, $honest[4], $forged[-1])), qr/PC422: .*not shown/, 'and its growth');
is(cosigned_size($south), $s0, 'and nothing of it is recorded');

# What the file beside the key says, and when it says nothing
my $folder = key_directory($south) . '/' . $south->safe_psql('postgres', 'SELECT ledger_id FROM custody.log_incarnation ORDER BY incarnation LIMIT 1');
my ($memory) = glob("$folder/cosigned/*");
like($memory, qr{/[0-9a-f]{64}$}, 'a file for each log');
is((stat($memory))[2] & 0777, 0600, 'that nobody else reads');
my $saved = slurp($memory);
like($saved, qr{\Atime \d+\nnorth\.example/ledger\n$honest[4]\n}, 'with the last checkpoint');
spew($memory, 'time 12');
like(ask($south, request($north, $s0, $forged[1])), qr/PC203: witness's memory .* cannot be read/, 'a damaged memory');
my ($root) = $north->safe_psql('postgres', "SELECT custody.checkpoint($forged[-1])") =~ /\A(?:.*\n){2}(.*)\n/;
spew($memory, $saved =~ s/\n$honest[4]\n(.*)\n/\n$s0\n$root\n/r);
like(ask($south, request($north, $s0, $s0)), qr/PC203: witness's memories .* contradict each other/, 'a memory that contradicts the table');
unlink($memory) or die $!;
like(ask($south, request($north, $s0, $s0)), qr/witness/, 'a lost memory: the table knows');
like(ask($south, request($north, 0, $s0)), qr/PC409: .*size to use is $s0/s, 'and keeps the order');
move("$folder/witness.pem", "$folder/kept") or die $!;
like(ask($south, request($north, $s0, $s0)), qr/PC201: key file .* cannot be used.*does not exist/s, 'a lost key is not made again in silence');
move("$folder/kept", "$folder/witness.pem") or die $!;
like(ask($south, request($north, $s0, $s0)), qr/witness/, 'and works when put back');

# A copy of the witness is another witness.
$south->safe_psql('postgres', "SELECT custody.new_incarnation('restored again')");
is($south->safe_psql('postgres', 'SELECT custody.witness_key()'), $witness_key{south}, 'a new incarnation keeps the key');
verifies_clean($south, 'the witness in the end');
$south->safe_psql('template1', 'CREATE DATABASE copy TEMPLATE postgres');
isnt($south->safe_psql('copy', 'SELECT custody.witness_key()'), $witness_key{south}, 'a copied database has another witness\'s key');
is($south->safe_psql('postgres', 'SELECT custody.witness_key()'), $witness_key{south}, 'the original keeps its own');
verifies_clean($south, 'a copy', 'copy');
$south->safe_psql('template1', 'CREATE DATABASE dumped');
system_or_bail('sh', '-c', 'pg_dump -d "$0" -Fc | pg_restore -d "$1"', $south->connstr('postgres'), $south->connstr('dumped'));
isnt($south->safe_psql('dumped', 'SELECT custody.witness_key()'), $witness_key{south}, 'nor has a restored dump the original\'s key');
is($south->safe_psql('dumped', 'SELECT size FROM custody.cosigned'), cosigned_size($south), 'but what was cosigned');
verifies_clean($south, 'a restored dump', 'dumped');
unlink("$folder/witness.pem") or die $!;
$south->safe_psql('postgres', "SELECT custody.new_incarnation('the key is lost')");
my $renewed = $south->safe_psql('postgres', 'SELECT custody.witness_key()');
isnt($renewed, $witness_key{south}, 'a lost key is made anew in a new incarnation');
like($renewed, qr{^south\.example/ledger/i3/witness\+}, 'under its name');
verifies_clean($south, 'a new key');

$north->stop;
$south->stop;
done_testing();
