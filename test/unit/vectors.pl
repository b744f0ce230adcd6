#!/usr/bin/perl
#
# Print test/vectors/*.json as a C header of constant tables.
#
# Usage: vectors.pl DIRECTORY > vectors.h
#
# Byte strings stay hexadecimal.  A table of records ends where its count
# macro says; a missing field is a null pointer.

use strict;
use warnings;
use JSON::PP;

my $directory = shift or die "usage: $0 DIRECTORY\n";

sub load
{
	my ($name) = @_;
	open(my $file, '<', "$directory/$name.json") or die "$name: $!\n";
	local $/;
	return decode_json(<$file>);
}

# A C string literal; UTF-8 as octal escapes, which end after three digits.
sub literal
{
	my ($text) = @_;
	return 'NULL' unless defined $text;
	utf8::encode($text);
	$text =~ s/([^ -~]|["\\?])/sprintf('\\%03o', ord($1))/ge;
	return '"' . $text . '"';
}

sub table
{
	my ($name, $fields, $rows) = @_;
	printf "#define %s %d\n", uc("n_$name"), scalar @$rows;
	print "static const struct\n{\n";
	print "\tconst char *$_;\n" for @$fields;
	print "} $name\[] = {\n";
	for my $row (@$rows)
	{
		print "\t{", join(", ", map { literal($row->{$_}) } @$fields), "},\n";
	}
	print "};\n\n";
}

sub strings
{
	my ($name, $list) = @_;
	printf "#define %s %d\n", uc("n_$name"), scalar @$list;
	print "static const char *const $name\[] = {\n";
	print "\t", literal($_), ",\n" for @$list;
	print "};\n\n";
}

# Proofs: two numbers, the length of the path and the path.
sub proofs
{
	my ($name, $first, $second, $rows) = @_;
	printf "#define %s %d\n", uc("n_$name"), scalar @$rows;
	print "static const struct\n{\n\tuint64_t\t$first;\n\tuint64_t\t$second;\n";
	print "\tint\t\t\tn;\n\tconst char *path[5];\n} $name\[] = {\n";
	for my $row (@$rows)
	{
		my @path = @{ $row->{path_hex} };
		printf "\t{%d, %d, %d, {%s}},\n", $row->{$first}, $row->{$second},
		  scalar @path, join(", ", (map { literal($_) } @path), 'NULL');
	}
	print "};\n\n";
}

print "/* Made by vectors.pl; do not edit. */\n";
print "#ifndef VECTORS_H\n#define VECTORS_H\n\n";
print "#include <stddef.h>\n#include <stdint.h>\n\n";

my $sha = load('sha256-nist-cavp-short');
table('sha256_vectors', [ 'msg_hex', 'sha256_hex' ], $sha->{vectors});

my $ed = load('ed25519-rfc8032');
table('ed25519_vectors',
	[ 'name', 'seed_hex', 'public_hex', 'msg_hex', 'signature_hex' ],
	$ed->{vectors});

my $ec = load('ecdsa-p256-sha256-rfc6979');
$_->{x_hex} = $ec->{public_x_hex} for @{ $ec->{vectors} };
$_->{y_hex} = $ec->{public_y_hex} for @{ $ec->{vectors} };
table('ecdsa_vectors', [ 'msg', 'x_hex', 'y_hex', 'signature_der_hex' ],
	$ec->{vectors});

my $tree = load('rfc6962-tree');
strings('tree_leaves', $tree->{leaves_hex});
strings('tree_leaf_hashes', $tree->{leaf_hashes_hex});
strings('tree_roots', $tree->{roots_hex});
proofs('inclusion_vectors', 'leaf_index', 'tree_size', $tree->{inclusion});
proofs('consistency_vectors', 'old_size', 'new_size', $tree->{consistency});

my $note = load('signed-note');
table('note_vectors',
	[
		'what', 'vkey', 'key_id_hex', 'signed_message_hex', 'signature_hex',
		'text', 'line', 'seed_hex'
	],
	$note->{vectors});

print "#endif\n";
