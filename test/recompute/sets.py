#!/usr/bin/env python3
"""Set hashes of tables (doc/format.md section 5.4), in another language.

The values are those that test/unit/test_sethash.c expects of the core.

    sets.py         prints TAP
"""

import sys

sys.dont_write_bytecode = True
from recompute import H, aes_block, aes_schedule    # noqa: E402

LANES, WIDE = 1024, 32
done = failed = 0


def element(relation, row_digest):
    seed = H(b'\x1c' + relation.to_bytes(4, 'big') + row_digest)
    schedule = aes_schedule(seed)
    stream = b''.join(aes_block(schedule, i.to_bytes(16, 'big'))
                      for i in range((LANES * 2 + WIDE * 8) // 16))
    return ([int.from_bytes(stream[i:i + 2], 'little')
             for i in range(0, LANES * 2, 2)],
            [int.from_bytes(stream[i:i + 8], 'little')
             for i in range(LANES * 2, len(stream), 8)])


class Set:
    def __init__(self):
        self.rows, self.lanes, self.wide = 0, [0] * LANES, [0] * WIDE

    def add(self, relation, row_digest, times):
        self.rows = (self.rows + times) % 2 ** 64
        lanes, wide = element(relation, row_digest)
        self.lanes = [(a + times * b) % 2 ** 16
                      for a, b in zip(self.lanes, lanes)]
        self.wide = [(a + times * b) % 2 ** 64
                     for a, b in zip(self.wide, wide)]

    def digest(self):
        return H(b'\x1b' + self.rows.to_bytes(8, 'big') +
                 b''.join(n.to_bytes(2, 'little') for n in self.lanes) +
                 b''.join(n.to_bytes(8, 'little') for n in self.wide))


def chain(leaves):
    value = bytes(32)
    for leaf in leaves:
        value = H(b'\x1e' + value + leaf.to_bytes(8, 'big'))
    return value


def state(events, sets):
    """sets: (relation, version, Set or None) in order of version."""
    text = b'\x1d' + events + len(sets).to_bytes(4, 'big')
    for relation, version, rows in sets:
        text += relation.to_bytes(4, 'big') + version.to_bytes(4, 'big')
        text += b'\0' if rows is None else b'\1' + rows.digest()
    return H(text)


def is_(value, expected, text):
    global done, failed
    done += 1
    good = value.hex() == expected
    failed += not good
    print('%sok %d - %s' % ('' if good else 'not ', done, text))
    if not good:
        print('# ' + value.hex())


def main():
    row = [bytes([i]) * 32 for i in range(3)]
    s = Set()
    is_(s.digest(), 'e0119f40f95a113831769fb9227b9b250578456390c921d860f1d792483bbe7d', 'digest of the empty set')
    s.add(7, row[1], 1)
    is_(state(chain([1, 4]), [(7, 1, s), (9, 3, None)]), 'da7314c1b8cb401d82c80ff732577f7f6fae65d7f3a6457ddef2e9b2d2818cc1',
        'digest of the state of two tables')
    is_(s.digest(), '65ac90282121bd6da248ab61c1d7c6394e36644d80d9d53111976c14f366fabc', 'of one row')
    s.add(7, row[2], 3)
    is_(s.digest(), '29bf84299b8c85a1a57417b1e8bf0167beca233ce671c2212763658685f64fe5', 'of four, three of them equal')
    print('1..%d' % done)
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
