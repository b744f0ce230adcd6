#!/usr/bin/perl
#
# A signer whose keys are in a PKCS#11 token: SoftHSM, through OpenSSL's
# pkcs11-provider.  The private keys are made there and never leave it.  Needs
# a system that has the provider; test/majors runs it in one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../t";

use CustodySigner;
use CustodyTest;
use PostgreSQL::Test::Utils;
use Test::More;

umask 0077;
signer_paths();
my $hsm = PostgreSQL::Test::Utils::tempdir();
my $module = '/usr/lib/softhsm/libsofthsm2.so';
my ($provider) = glob('/usr/lib/*/ossl-modules/pkcs11.so');
ok(-e $module && $provider, 'SoftHSM and pkcs11-provider are installed') or BAIL_OUT('test/install-deps hsm');

mkdir "$hsm/tokens" or die $!;
spew("$hsm/pin", '1234');
spew("$hsm/softhsm2.conf", "directories.tokendir = $hsm/tokens\nobjectstore.backend = file\nlog.level = ERROR\n");
spew("$hsm/openssl.cnf", <<"CONF");
openssl_conf = init
[init]
providers = providers
[providers]
default = default_provider
pkcs11 = pkcs11_provider
[default_provider]
activate = 1
[pkcs11_provider]
module = $provider
pkcs11-module-path = $module
activate = 1
CONF
$ENV{SOFTHSM2_CONF} = "$hsm/softhsm2.conf";
system_or_bail('softhsm2-util', '--init-token', '--free', '--label', 'custody', '--pin', '1234', '--so-pin', '5678');

# The provider finds a public key by the id that its private key has.
my $tool = "OPENSSL_CONF= pkcs11-tool --module $module --token-label custody --login --pin env:PIN";
my $id = 'id=$(echo %l | tr -d -)$(printf %%08x %e)';
local $ENV{PIN} = '1234';
foreach my $curve ('edwards25519', 'prime256v1')
{
	keys_in_store("token, $curve",
		environment => { OPENSSL_CONF => "$hsm/openssl.cnf" },
		'key-uri' => "pkcs11:token=custody;object=%l-%e;type=private?pin-source=file:$hsm/pin",
		'make-key' => "$id; $tool --keypairgen --key-type EC:$curve --sensitive --label %l-%e --id \$id",
		'destroy-key' => "$tool --delete-object --type privkey --label %l-%e && $tool --delete-object --type pubkey --label %l-%e",
		has => sub {
			my ($ledger, $epoch) = @_;
			my $objects = `$tool --list-objects --type privkey`;
			die 'pkcs11-tool' if $? != 0;
			return $objects =~ /label: +\Q$ledger-$epoch\E$/m;
		});
}
my $objects = `$tool --list-objects --type privkey`;
like($objects, qr/never extractable/, 'no private key can leave the token');
unlike($objects, qr/Access: +(?!.*never extractable)/, 'none at all');

done_testing();
