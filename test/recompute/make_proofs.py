#!/usr/bin/env python3
"""Make test/vectors/proofs-v1.json from doc/format.md alone.

Proofs over the ledger that format-v1.json pins, and over a small one whose
names and values try to draw on a terminal.

    make_proofs.py > test/vectors/proofs-v1.json
"""

import base64
import json
import sys

import recompute as rc

TIME = 1767225600000000
HOSTILE = 'hospital.example/hostile'
WITNESS = 'witness.example/w1'


def enc(data):
    return base64.b64encode(data).decode()


def varint(n):
    out = b''
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def text(data):
    return varint(len(data)) + data


def stored(data):
    return b'\0' if data is None else varint(len(data) + 2) + data


def value(data):
    return rc.Value(None) if data is None else rc.Value(len(data), data=data)


# Trees

def tree_root(leaves):
    tree = rc.Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def inclusion(m, leaves):
    """RFC 9162 section 2.1.3.1."""
    if len(leaves) <= 1:
        return []
    k = split(len(leaves))
    if m < k:
        return inclusion(m, leaves[:k]) + [tree_root(leaves[k:])]
    return inclusion(m - k, leaves[k:]) + [tree_root(leaves[:k])]


def consistency(m, leaves, whole=True):
    """RFC 9162 section 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [tree_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return consistency(m, leaves[:k], whole) + [tree_root(leaves[k:])]
    return consistency(m - k, leaves[k:], False) + [tree_root(leaves[:k])]


# A ledger as lists

class Log:
    def __init__(self):
        self.leaves = []
        self.entries = {}           # of a leaf: committed parts
        self.notes = {}             # of a size

    def leaf_proof(self, index, size):
        lines = ['c2sp.org/tlog-proof@v1', 'index %d' % index]
        lines += [enc(h) for h in inclusion(index, self.leaves[:size])]
        return '\n'.join(lines) + '\n\n' + self.notes[size]

    def growth(self, old, size):
        lines = ['old %d' % old]
        if old > 0:
            lines += [enc(h) for h in consistency(old, self.leaves[:size])]
        return '\n'.join(lines) + '\n\n' + self.notes[size]

    def row_proof(self, leaf, number, private, schema, size):
        entries = self.entries[leaf]
        path = b''.join(inclusion(number, entries))
        return 'custody-proof v1\nentry %s\nprivate %s\npath %d %d %s\n' \
            'record %s\nschema %s\n\n%s' % (
                enc(entries[number]), enc(private), number, len(entries),
                enc(path) or '-', enc(self.leaves[leaf]), enc(schema),
                self.leaf_proof(leaf, size))


def pinned_log(vectors):
    log = Log()
    private = {}
    for line in vectors['bundle'][1:]:
        word = line.split(' ')
        if word[0] == 'leaf':
            log.entries[len(log.leaves)] = []
            log.leaves.append(rc.b64(word[1]))
        elif word[0] == 'entry':
            entries = log.entries[len(log.leaves) - 1]
            if word[2] != '-':
                private[len(log.leaves) - 1, len(entries)] = rc.b64(word[2])
            entries.append(rc.b64(word[1]))
        else:
            log.notes[len(log.leaves)] = rc.b64(word[1]).decode()
    return log, private


def redacted(secret, schema, entry, key, row, opened):
    """Section 4.3, the key open, columns open as asked."""
    salts = rc.Salts(secret)
    out = b'\2\1' + salts(0) + b''.join(stored(v) for v in key)
    if entry.overwritten is not None:
        out += b'\0'
    if entry.key_changed:
        out += b'\0'
    if entry.row is None:
        return out
    for p, data in enumerate(row):
        if schema.columns[p][0].decode('latin-1') in opened:
            out += b'\1' + salts(3 + p) + stored(data)
        else:
            out += b'\0' + rc.column_commitment(salts(3 + p), p, value(data))
    return out


LONG = b'x' * 1999


def of_pinned(log, private, definition, leaf, number, opened, size):
    """Open what the pinned ledger keeps; its long value is known."""
    schema = rc.Schema(definition)
    entry = rc.Entry(log.entries[leaf][number])
    part = rc.Private(entry, schema, private[leaf, number])
    key = [v.data for v in part.key_values]
    row = [LONG if v.reference else v.data for v in part.values] \
        if entry.row is not None else None
    hidden = redacted(private[leaf, number][1:17], schema, entry, key, row,
                      opened)
    return log.row_proof(leaf, number, hidden, definition, size)


# The other ledger: one transaction of one insert

def field(tag, data):
    return bytes([tag]) + text(data)


def hostile():
    names = [b'id', b'\x1b]0;pwned\x07', b'raw', 'na\u00efve'.encode()]
    row = [b'7', b'\x1b[2J\x1b[H"quoted" \\ \r\n\tvalid', b'\xff\xfe caf\xe9',
           'C1 \u009b31m bidi \u202eabc \u2028 ok \u00e9'.encode()]
    definition = text(b'Public') + text(b'pat\x1b[1mient') + \
        text(b'Public') + text(b'pat\x1b[1mient') + text(b'SQL_ASCII') + \
        b'\1' + rc.u16(1) + rc.u16(0) + b'\xff\xff' + rc.u16(len(names)) + \
        b''.join(text(n) + text(b'text') + b'\0' for n in names)
    schema = rc.Schema(definition)
    secret = bytes(range(16))
    salts = rc.Salts(secret)
    committed = b'\1\0' + rc.u32(1) + rc.u32(1) + \
        rc.key_commitment(schema.digest, salts(0), [value(row[0])]) + \
        rc.row_commitment(schema.digest, [
            rc.column_commitment(salts(3 + p), p, value(v))
            for p, v in enumerate(row)])
    entry = rc.Entry(committed)
    record = b'\1\1' + field(1, rc.u32(1)) + b''.join(
        field(tag, rc.u64(n)) for tag, n in
        ((2, 1), (3, 1), (4, 700), (5, TIME), (6, TIME + 1))) + b''.join(
        field(tag, b'ward') for tag in (7, 8, 9)) + \
        field(14, rc.u64(1)) + field(15, tree_root([committed]))
    log = Log()
    log.leaves = [b'\2', record]
    log.entries[1] = [committed]
    head = rc.checkpoint_text(HOSTILE, 2, tree_root(log.leaves))
    public, signature = rc.ed25519_make(bytes([9]) * 32, head)
    key = b'\1' + public
    keyid = rc.H(HOSTILE.encode() + b'\n' + key)[:4]
    log.notes[2] = '%s\n\u2014 %s %s\n' % (
        head.decode(), HOSTILE, enc(keyid + signature))
    hidden = redacted(secret, schema, entry, [row[0]], row,
                      [n.decode('latin-1') for n in names[1:]])
    return log.row_proof(1, 0, hidden, definition, 2), \
        '%s+%s+%s' % (HOSTILE, keyid.hex(), enc(key))


def cosigned(proof):
    """A proof whose checkpoint a witness signed, and not the log."""
    body, signature = proof.rsplit('\n\n', 1)
    head = '\n'.join(body.split('\n')[-3:]) + '\n'
    time = TIME // 1000000
    public, cosignature = rc.ed25519_make(
        bytes([8]) * 32, ('cosignature/v1\ntime %d\n%s' % (time, head)).encode())
    key = b'\4' + public
    keyid = rc.H(WITNESS.encode() + b'\n' + key)[:4]
    line = '\u2014 %s %s\n' % (
        WITNESS, enc(keyid + rc.u64(time) + cosignature))
    return '%s\n\n%s' % (body, line), \
        '%s+%s+%s' % (WITNESS, keyid.hex(), enc(key))


def main():
    with open(rc.VECTORS, encoding='utf-8') as f:
        vectors = json.load(f)
    log, private = pinned_log(vectors)
    definition = bytes.fromhex(vectors['schema_entry'])[10:]

    def row(leaf, number, opened, size):
        return of_pinned(log, private, definition, leaf, number, opened, size)

    drawing, drawing_key = hostile()
    witnessed, witness_key = cosigned(row(1, 2, ['name'], 6))
    sizes = sorted(log.notes)
    out = {
        'verifier_keys': [vectors['verifier_key']] +
        vectors['other_verifier_keys'],
        'row_proofs': {
            'insert': row(1, 2, ['name', 'born'], sizes[1]),
            'baseline': row(3, 1, [], sizes[1]),
            'update': row(3, 2, ['id', 'name', 'born', 'note'], sizes[1]),
            'key_changed': row(4, 0, ['id', 'note'], sizes[-1]),
            'delete': row(5, 0, [], sizes[-1]),
        },
        'hostile': drawing,
        'hostile_verifier_key': drawing_key,
        'cosigned': witnessed,
        'witness_verifier_key': witness_key,
        'leaf_proof': log.leaf_proof(4, sizes[-1]),
        'leaf_hex': log.leaves[4].hex(),
        'checkpoints': {str(n): log.notes[n] for n in sizes},
        'growth': {'%d %d' % (old, size): log.growth(old, size)
                   for old in sizes for size in sizes if old <= size},
    }
    sys.stdout.write(json.dumps(out, indent=2) + '\n')


if __name__ == '__main__':
    main()
