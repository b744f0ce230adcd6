#!/usr/bin/env python3
"""Hold the core's Merkle proofs against RFC 9162, pair by pair.

Every leaf of every tree of 0 to 64, 255 to 257 and 65535 to 65537 leaves, and
the growth between their sizes.  The trees, roots and proofs here are made and
checked from the text of the RFC; only AES, Ed25519 and the like are shared
with recompute.py.  Then the vectors that others published.

    trees.py [PROGRAM]          prints TAP; PROGRAM is trees.c, built
"""

import base64
import hashlib
import json
import os
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
import recompute as rc              # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, '..', '..', 'build', 'trees')
VECTORS = os.path.join(HERE, '..', 'vectors')
INCLUSION, CONSISTENCY = 0, 1
SMALL = range(0, 65)
TILE = (255, 256, 257)
LARGE = (65535, 65536, 65537)

done = 0
failed = 0


def ok(good, text):
    global done, failed
    done += 1
    failed += not good
    print('%sok %d - %s' % ('' if good else 'not ', done, text), flush=True)


def sha(data):
    return hashlib.sha256(data).digest()


class Tree:
    """Section 2.1 over D, a list of leaves."""

    def __init__(self, leaves):
        self.leaves = [sha(b'\0' + leaf) for leaf in leaves]
        self.known = {}

    @staticmethod
    def split(n):
        """The largest power of two smaller than n."""
        return 1 << (n - 1).bit_length() - 1

    def mth(self, start, end):
        """2.1.1: MTH(D[start:end])."""
        if end - start == 1:
            return self.leaves[start]
        if end == start:
            return sha(b'')
        if (start, end) not in self.known:
            k = start + self.split(end - start)
            self.known[start, end] = sha(
                b'\1' + self.mth(start, k) + self.mth(k, end))
        return self.known[start, end]

    def path(self, m, n):
        """2.1.3.1: PATH(m, D[0:n]), from the leaf up."""
        start, end, out = 0, n, []
        while end - start > 1:
            k = start + self.split(end - start)
            if m < k:
                out.append(self.mth(k, end))
                end = k
            else:
                out.append(self.mth(start, k))
                start = k
        return out[::-1]

    def proof(self, m, n):
        """2.1.4.1: PROOF(m, D[0:n]); from nothing, nothing."""
        return self.subproof(m, 0, n, True) if m > 0 else []

    def subproof(self, m, start, end, whole):
        if m == end:
            return [] if whole else [self.mth(start, end)]
        k = start + self.split(end - start)
        if m <= k:
            return self.subproof(m, start, k, whole) + [self.mth(k, end)]
        return self.subproof(m, k, end, False) + [self.mth(start, k)]


def holds_inclusion(leaf, index, size, path, root):
    """2.1.3.2; the leaf as its hash."""
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = sha(b'\1' + p + r)
            while fn and not fn & 1:
                fn >>= 1
                sn >>= 1
        else:
            r = sha(b'\1' + r + p)
        fn >>= 1
        sn >>= 1
    return sn == 0 and r == root


def holds_consistency(first, second, proof, old, new):
    """2.1.4.2; from nothing and to itself a proof is empty."""
    if first == 0 or first == second:
        return not proof and (old == sha(b'') if first == 0 else old == new)
    proof = ([old] if first & (first - 1) == 0 else []) + proof
    if not proof:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = sha(b'\1' + c + fr), sha(b'\1' + c + sr)
            while fn and not fn & 1:
                fn >>= 1
                sn >>= 1
        else:
            sr = sha(b'\1' + sr + c)
        fn >>= 1
        sn >>= 1
    return sn == 0 and fr == old and sr == new


def program(mode, data):
    run = subprocess.run([sys.argv[1] if len(sys.argv) > 1 else PROGRAM, mode],
                         input=data, stdout=subprocess.PIPE, check=True)
    return run.stdout


def request(kind, a, size):
    return struct.pack('>BQQ', kind, a, size)


def chosen(size):
    """Old sizes of a large tree: edges, and every 97th."""
    near = {p + d for p in (1 << i for i in range(18)) for d in (-2, -1, 0, 1, 2)}
    near |= set(range(0, 300)) | set(range(size - 64, size + 1))
    near |= set(range(0, size, 97))
    return sorted(n for n in near if 0 <= n <= size)


def pairs():
    """(kind, index or old size, size) of all that is checked."""
    for size in (*SMALL, *TILE, *LARGE):
        for index in range(size):
            yield INCLUSION, index, size
        olds = chosen(size) if size in LARGE else range(size + 1)
        for old in olds:
            yield CONSISTENCY, old, size


def proofs_of(data):
    at = 0
    while at < len(data):
        n = data[at]
        yield [data[i:i + 32] for i in range(at + 1, at + 1 + 32 * n, 32)]
        at += 1 + 32 * n


def compare(tree, wanted):
    """What the core makes is what the RFC defines, and holds by its rules."""
    made = proofs_of(program('make', b''.join(request(*w) for w in wanted)))
    count, same, good = [0, 0], [0, 0], [0, 0]
    for (kind, a, size), proof in zip(wanted, made):
        root = tree.mth(0, size)
        count[kind] += 1
        if kind == INCLUSION:
            same[kind] += proof == tree.path(a, size)
            good[kind] += holds_inclusion(tree.leaves[a], a, size, proof, root)
        else:
            same[kind] += proof == tree.proof(a, size)
            good[kind] += holds_consistency(
                a, size, proof, tree.mth(0, a), root)
    return count, same, good


def core_judges(tree, wanted, change=None):
    """How many of the RFC's proofs, or of changed ones, the core accepts."""
    out = []
    for kind, a, size in wanted:
        if kind == INCLUSION:
            first, proof = tree.leaves[a], tree.path(a, size)
        else:
            first, proof = tree.mth(0, a), tree.proof(a, size)
        if change is not None:
            a = change(a)
        out.append(request(kind, a, size) + first + tree.mth(0, size) +
                   bytes([len(proof)]) + b''.join(proof))
    status = program('check', b''.join(out))
    return len(status), status.count(0)


def test_pairs():
    tree = Tree([struct.pack('>I', i) for i in range(max(LARGE))])
    wanted = list(pairs())
    count, same, good = compare(tree, wanted)
    leaves = sum((*SMALL, *TILE, *LARGE))
    growth = sum(n + 1 for n in (*SMALL, *TILE)) + \
        sum(len(chosen(n)) for n in LARGE)
    ok(count == [leaves, growth] == [199456, growth] and growth >= 6000,
       '%d inclusion and %d consistency pairs' % tuple(count))
    ok(same == count, 'the core makes what the RFC defines for each')
    ok(good == count, 'each holds by the rules of the RFC')
    ok(core_judges(tree, wanted) == (sum(count), sum(count)),
       'the core accepts the RFC\'s proof of each')
    few = [w for w in wanted if w[0] == INCLUSION and 1 < w[2] <= 257]
    ok(core_judges(tree, few, lambda a: a ^ 1) == (len(few), 0),
       'and none of %d of a leaf\'s neighbour' % len(few))


# Published vectors

def load(name):
    with open(os.path.join(VECTORS, name + '.json'), encoding='utf-8') as f:
        return json.load(f)


def hashes(row):
    return [bytes.fromhex(h) for h in row['path_hex']]


def test_tree_vectors():
    v = load('rfc6962-tree')
    tree = Tree([bytes.fromhex(h) for h in v['leaves_hex']])
    roots = [bytes.fromhex(h) for h in v['roots_hex']]
    ok([h.hex() for h in tree.leaves] == v['leaf_hashes_hex'] and
       [tree.mth(0, n) for n in range(len(roots))] == roots,
       'leaf hashes and roots as published')
    ok(len(v['inclusion']) == 36 and all(
        hashes(p) == tree.path(p['leaf_index'], p['tree_size']) and
        holds_inclusion(tree.leaves[p['leaf_index']], p['leaf_index'],
                        p['tree_size'], hashes(p), roots[p['tree_size']])
        for p in v['inclusion']), '36 inclusion proofs as published')
    ok(len(v['consistency']) == 36 and all(
        hashes(p) == tree.proof(p['old_size'], p['new_size']) and
        holds_consistency(p['old_size'], p['new_size'], hashes(p),
                          roots[p['old_size']], roots[p['new_size']])
        for p in v['consistency']), '36 consistency proofs as published')


def test_signature_vectors():
    v = load('sha256-nist-cavp-short')['vectors']
    ok(all(rc.H(bytes.fromhex(x['msg_hex'])).hex() == x['sha256_hex']
           for x in v), '%d hashes as published' % len(v))
    v = load('ed25519-rfc8032')['vectors']
    ok(all(''.join(b.hex() for b in rc.ed25519_make(
        bytes.fromhex(x['seed_hex']), bytes.fromhex(x['msg_hex']))) ==
        x['public_hex'] + x['signature_hex'] for x in v),
       '%d Ed25519 signatures as published' % len(v))
    v = load('ecdsa-p256-sha256-rfc6979')
    spki = rc.SPKI_P256 + bytes.fromhex(v['public_x_hex'] + v['public_y_hex'])
    ok(all(rc.ecdsa_check(spki, x['msg'].encode(),
                          bytes.fromhex(x['signature_der_hex'])) and
           not rc.ecdsa_check(spki, x['msg'].encode() + b'.',
                              bytes.fromhex(x['signature_der_hex']))
           for x in v['vectors']),
       '%d ECDSA signatures as published' % len(v['vectors']))


def note_agrees(x):
    """The message that is signed and, for our own types, the signature."""
    text = x['text'].encode()
    name, keyid, rest = x['vkey'].split('+', 2)
    key = base64.b64decode(rest)
    signature = bytes.fromhex(x['signature_hex'])
    line = base64.b64decode(x['line'].split(' ')[2])
    message = bytes.fromhex(x['signed_message_hex'])
    if line[:4].hex() != keyid or keyid != x['key_id_hex'] or \
            not line.endswith(signature):
        return False
    if key[0] == 4:
        when = struct.unpack('>Q', line[4:12])[0]
        return message == b'cosignature/v1\ntime %d\n' % when + text and \
            rc.ed25519_check(key[1:], message, signature[-64:])
    if key[0] == 6:
        return text.split(b'\n')[0] in message and name.encode() in message
    if message != text:
        return False
    return rc.Key(x['vkey']).check(message, signature)


def test_note_vectors():
    for x in load('signed-note')['vectors']:
        ok(note_agrees(x), 'note: ' + x['what'])


def main():
    test_pairs()
    test_tree_vectors()
    test_signature_vectors()
    test_note_vectors()
    print('1..%d' % done)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
