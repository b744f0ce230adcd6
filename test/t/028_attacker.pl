#!/usr/bin/perl
#
# A few scenarios of the random attacker (test/attack; "make attack" runs many),
# of other seeds each time, and that it notices when verification is blind.

use strict;
use warnings;

use FindBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $attack = "$FindBin::RealBin/../attack";
my $seed = $ENV{SEED} // int(rand(1_000_000_000));
my ($out, $err) = ('', '');

ok(IPC::Run::run([ 'python3', '-B', $attack, '--scenarios', 30, '--seed', $seed ], '>', \$out, '2>', \$err),
	'no attack goes unseen') or diag "SEED=$seed";
diag "$out$err" unless $out =~ /^30 passed, 0 failed$/m;
like($out, qr/^seeds $seed to \d+$/m, 'the seeds are told');

$out = '';
ok(!IPC::Run::run([ 'python3', '-B', $attack, '--scenarios', 10, '--seed', $seed, '--blind' ], '>', \$out, '2>', \$err),
	'the attacker notices a verification that finds nothing');
like($out, qr/^FAILED seed \d+: /m, 'and names the seed');

done_testing();
