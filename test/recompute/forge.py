#!/usr/bin/env python3
"""Forge a ledger bundle as the thief of today's key can.

    forge.py LEDGER PEM VERIFIER_KEY OLD NEW WAY

One value (OLD, NEW of the same length) of an entry sealed long ago is changed;
everything that follows from it is recomputed and signed with today's private
key in PEM, an Ed25519 key made by the server, whose verifier key is
VERIFIER_KEY.  WAY is how the blocks of earlier epochs are treated:

    replay    their old signatures are put under the new checkpoints
    sign      signed with today's key
    jump      from the changed block on all are of today's epoch
    own       there never was another key: today's is that of epoch 1
    announce  the changed block announces today's key, and the rest is of its
              epoch

Prints the forged bundle.
"""

import base64
import sys

import recompute as rc

EPOCH = 22
PREVIOUS = 38


class Leaf:
    def __init__(self, data):
        self.data = data
        self.entries = []


class Block:
    def __init__(self):
        self.leaves = []
        self.note = None


def read(name):
    blocks = []
    with open(name, encoding='ascii') as f:
        next(f)
        for line in f:
            word = line.split()
            data = rc.b64(word[1])
            if word[0] == 'leaf':
                if data[:1] == b'\2':
                    blocks.append(Block())
                blocks[-1].leaves.append(Leaf(data))
            elif word[0] == 'entry':
                private = b'' if word[2] == '-' else rc.b64(word[2])
                blocks[-1].leaves[-1].entries.append([data, private])
            else:
                blocks[-1].note = data
    return blocks


class Thief:
    def __init__(self, pem, key):
        lines = pem.strip().split('\n')[1:-1]
        self.seed = base64.b64decode(''.join(lines))[-32:]
        self.key = rc.Key(key)

    def sign(self, text):
        public, signature = rc.ed25519_make(self.seed, text)
        assert public == self.key.key
        return signature

    def note(self, text):
        line = base64.b64encode(self.key.id + self.sign(text)).decode()
        return text + ('\n\u2014 %s %s\n' % (self.key.name, line)).encode()

    def entry(self, epoch):
        text = self.key.text.encode()
        statement = b'pg_custody key epoch v1\n%d\n%s\n' % (epoch, text)
        signature = self.sign(statement)
        body = b''.join(bytes([n & 0x7F | 0x80, n >> 7]) if n > 0x7F
                        else bytes([n]) for n in [len(text)]) + text
        return (b'\x13' + bytes(9) + rc.u32(epoch) + body +
                bytes([len(signature)]) + signature)


def restate(leaf, old_root):
    """The entries changed: put the new root into the record."""
    tree = rc.Tree()
    for committed, _ in leaf.entries:
        tree.append(committed)
    leaf.data = leaf.data.replace(b'\x0f\x20' + old_root,
                                  b'\x0f\x20' + tree.root())


def change(blocks, old, new):
    """Change the value; returns the number of the block."""
    schemas = {}
    for number, block in enumerate(blocks):
        for leaf in block.leaves:
            for entry in leaf.entries:
                e = rc.Entry(entry[0])
                if e.kind == 'schema':
                    schemas[e.relation, e.version] = e.schema
                if e.kind != 'insert' or old not in entry[1]:
                    continue
                root = rc.Record(leaf.data).root
                entry[1] = entry[1].replace(old, new)
                p = rc.Private(e, schemas[e.relation, e.version], entry[1])
                entry[0] = entry[0].replace(e.row, p.row)
                restate(leaf, root)
                return number
    raise SystemExit('forge.py: no such value')


def epoch_of(block):
    return int.from_bytes(block.leaves[0].data[EPOCH:EPOCH + 4], 'big')


def set_epoch(block, epoch):
    header = block.leaves[0].data
    block.leaves[0].data = (header[:EPOCH] + rc.u32(epoch) +
                            header[EPOCH + 4:])


def is_key(leaf):
    return any(committed[:1] == b'\x13' for committed, _ in leaf.entries)


def own(blocks, thief):
    """Today's key from the beginning; no other was ever announced."""
    for block in blocks:
        set_epoch(block, 1)
        if block is not blocks[0]:
            block.leaves = [leaf for leaf in block.leaves if not is_key(leaf)]
    for leaf in blocks[0].leaves:
        for entry in leaf.entries:
            if entry[0][:1] == b'\x13':
                root = rc.Record(leaf.data).root
                entry[0] = thief.entry(1)
                restate(leaf, root)


def announce(blocks, first, thief, epoch):
    """The last key entry moves into the changed block."""
    for block in blocks[first:]:
        moved = [leaf for leaf in block.leaves if is_key(leaf)]
        block.leaves = [leaf for leaf in block.leaves if not is_key(leaf)]
    moved = moved or [leaf for block in read(sys.argv[1])[first:]
                      for leaf in block.leaves if is_key(leaf)]
    leaf = moved[-1]
    root = rc.Record(leaf.data).root
    leaf.entries = [[thief.entry(epoch), b'']]
    restate(leaf, root)
    blocks[first].leaves.append(leaf)


def seal(blocks, thief, replay):
    """Headers, roots and checkpoints anew."""
    log = rc.Tree()
    digest = bytes(32)
    for block in blocks:
        header = block.leaves[0].data
        block.leaves[0].data = (header[:10] + rc.u64(log.size) +
                                rc.u32(len(block.leaves)) +
                                header[EPOCH:PREVIOUS] + digest +
                                header[PREVIOUS + 32:])
        for leaf in block.leaves:
            log.append(leaf.data)
        old = rc.Note(block.note)
        text = rc.checkpoint_text(old.origin, log.size, log.root())
        digest = rc.checkpoint_digest(text)
        if text == old.text:
            continue
        if replay(block):
            block.note = text + block.note[len(old.text):]
        else:
            block.note = thief.note(text)


def write(blocks):
    def line(word, *fields):
        print(word, *[base64.b64encode(f).decode() or '-' for f in fields])

    print('custody-ledger v1')
    for block in blocks:
        for leaf in block.leaves:
            line('leaf', leaf.data)
            for committed, private in leaf.entries:
                line('entry', committed, private)
        line('checkpoint', block.note)


def main(name, pem, key, old, new, way):
    with open(pem, encoding='ascii') as f:
        thief = Thief(f.read(), key)
    blocks = read(name)
    today = epoch_of(blocks[-1])
    first = change(blocks, old.encode(), new.encode())
    if way == 'own':
        own(blocks, thief)
    if way == 'announce':
        announce(blocks, first, thief, epoch_of(blocks[first]) + 1)
    if way in ('jump', 'announce'):
        for block in blocks[first + (way == 'announce'):]:
            set_epoch(block, today if way == 'jump' else
                      epoch_of(blocks[first]) + 1)
    seal(blocks, thief,
         lambda block: way == 'replay' and epoch_of(block) < today)
    write(blocks)


if __name__ == '__main__':
    main(*sys.argv[1:])
