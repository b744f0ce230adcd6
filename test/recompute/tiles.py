#!/usr/bin/env python3
"""Read a tlog-tiles directory as a client of C2SP tlog-tiles would.

From that text and doc/format.md section 11 alone; shares no code with src/core.

    tiles.py DIRECTORY INDEX VERIFIER_KEY...

recomputes the root from the leaf hashes, makes the inclusion proof of leaf INDEX
from as few tiles as there are levels, checks it, and, where there are entry
bundles, the leaf; checks the key history.

Exit status: 0 all agree, 1 differences, 2 could not read.
"""

import os
import sys

import recompute as rc


class Tiles:
    def __init__(self, directory):
        self.directory = directory
        self.note = rc.Note(self.read('checkpoint'))
        self.size = self.note.size

    def read(self, path):
        with open(os.path.join(self.directory, path), 'rb') as f:
            return f.read()

    def path(self, level, n):
        """The tile of an index, full or partial as the size wants it."""
        shift = 0 if level == 'entries' else 8 * level
        width = min((self.size >> shift) - 256 * n, 256)
        if width <= 0:
            raise rc.Wrong('no tile %s/%d' % (level, n))
        digits = str(n)
        digits = digits.zfill((len(digits) + 2) // 3 * 3)
        parts = [digits[i:i + 3] for i in range(0, len(digits), 3)]
        name = '/'.join(['x' + p for p in parts[:-1]] + parts[-1:])
        partial = '' if width == 256 else '.p/%d' % width
        return 'tile/%s/%s%s' % (level, name, partial), width

    def tile(self, level, n):
        path, width = self.path(level, n)
        data = self.read(path)
        if len(data) != 32 * width:
            raise rc.Wrong('length of ' + path)
        return [data[i:i + 32] for i in range(0, len(data), 32)]

    def bundle(self, n):
        path, width = self.path('entries', n)
        data = self.read(path)
        leaves = []
        while data:
            length = int.from_bytes(data[:2], 'big')
            if len(data) < 2 + length:
                raise rc.Wrong('length of ' + path)
            leaves.append(data[2:2 + length])
            data = data[2 + length:]
        if len(leaves) != width:
            raise rc.Wrong('number of leaves in ' + path)
        return leaves

    def leaf_hashes(self):
        for n in range((self.size + 255) // 256):
            yield from self.tile(0, n)

    def subtree(self, first, count):
        """MTH(D[first:first + count]) of a complete subtree, from one tile."""
        level = (count.bit_length() - 1) // 8
        width = count >> 8 * level
        at = first >> 8 * level
        return mth(self.tile(level, at // 256)[at % 256:at % 256 + width])

    def hash(self, first, count):
        """MTH of any subtree that a proof asks for."""
        k = 1 << count.bit_length() - 1
        if k == count:
            return self.subtree(first, count)
        return node(self.subtree(first, k), self.hash(first + k, count - k))

    def inclusion(self, m, first, count):
        """RFC 9162 section 2.1.3.1."""
        if count <= 1:
            return []
        k = 1 << (count - 1).bit_length() - 1
        if m < k:
            return self.inclusion(m, first, k) + [self.hash(first + k, count - k)]
        return self.inclusion(m - k, first + k, count - k) + [self.hash(first, k)]


def node(left, right):
    return rc.H(b'\1' + left + right)


def mth(hashes):
    while len(hashes) > 1:
        hashes = [node(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def root_of(hashes):
    """The root over leaf hashes: a stack of complete subtrees."""
    stack = []
    for h in hashes:
        height = 0
        while stack and stack[-1][0] == height:
            h = node(stack.pop()[1], h)
            height += 1
        stack.append((height, h))
    if not stack:
        return rc.H(b'')
    root = stack.pop()[1]
    while stack:
        root = node(stack.pop()[1], root)
    return root


def check_inclusion(tiles, index):
    leaf = tiles.tile(0, index // 256)[index % 256]
    path = tiles.inclusion(index, 0, tiles.size)
    fn, sn, r = index, tiles.size - 1, leaf
    for p in path:
        if fn & 1 or fn == sn:
            r = node(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or r != tiles.note.root:
        raise rc.Wrong('the inclusion proof of leaf %d' % index)
    if os.path.isdir(os.path.join(tiles.directory, 'tile', 'entries')):
        if rc.leaf_hash(tiles.bundle(index // 256)[index % 256]) != leaf:
            raise rc.Wrong('the bytes of leaf %d' % index)


def check_keys(tiles):
    """Each epoch's last checkpoint carries its signature and a root of the tree."""
    sizes = {}
    lines = tiles.read('keys').decode().split('\n')
    if lines.pop() != '':
        raise rc.Wrong('the end of the key history')
    signers = 0
    for line in lines:
        epoch, first, last, key = line.split(' ', 3)
        if first == '-' or int(first) > tiles.size:
            continue
        note = tiles.note
        if last != '-' and int(last) < tiles.size:
            note = rc.Note(tiles.read('checkpoints/' + last))
            sizes[note.size] = note.root
            if note.size != int(last):
                raise rc.Wrong('size of the last checkpoint of epoch ' + epoch)
        else:
            signers += 1
        if not note.signed_by(rc.Key(key)):
            raise rc.Wrong('signature of epoch ' + epoch)
    if signers == 0:
        raise rc.Wrong('no key of the checkpoint')
    return sizes


def check(tiles, index, keys):
    if not any(tiles.note.signed_by(k) for k in keys if k.name == tiles.note.origin):
        raise rc.Wrong('no trusted key signed the checkpoint')
    hashes = list(tiles.leaf_hashes())
    if root_of(hashes) != tiles.note.root:
        raise rc.Wrong('the root of the leaf hashes')
    check_inclusion(tiles, index)
    for size, root in check_keys(tiles).items():
        if root_of(hashes[:size]) != root:
            raise rc.Wrong('the root at size %d' % size)
    print('recomputed %d leaves of %s: all agree' % (tiles.size, tiles.note.origin))


def main(args):
    if len(args) < 3:
        sys.stderr.write(__doc__)
        return 2
    try:
        tiles = Tiles(args[0])
        check(tiles, int(args[1]), [rc.Key(k) for k in args[2:]])
    except (rc.Wrong, rc.Unreadable, FileNotFoundError) as e:
        print('difference: %s' % e)
        return 1
    except OSError as e:
        sys.stderr.write('tiles.py: %s\n' % e)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
