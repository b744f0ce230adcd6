#!/usr/bin/env python3
"""Recompute a ledger bundle, or check a proof, from doc/format.md alone.

Shares no code with src/core.  Python's standard library only: AES-128,
Ed25519 and ECDSA P-256 are written out below, slow and plain.

    recompute.py LEDGER VERIFIER_KEY...      recompute a ledger bundle
    recompute.py --vectors [FILE]            recompute the pinned vectors
    recompute.py --proof FILE VERIFIER_KEY...
                                             check the proof of a row
    recompute.py --history FILE VERIFIER_KEY...
                                             check the proof of a row's life
    recompute.py --leaf-proof FILE LEAF VERIFIER_KEY...
                                             check the proof of the bytes in LEAF

Exit status: 0 all agree, 1 differences, 2 could not recompute.
"""

import base64
import binascii
import datetime
import hashlib
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, '..', 'vectors', 'format-v1.json')
FORMAT = os.path.join(HERE, '..', '..', 'doc', 'format.md')


class Unreadable(Exception):
    """Bytes that are not the one canonical form."""


def H(data):
    return hashlib.sha256(data).digest()


# AES-128 and AES-256, one block (FIPS 197)

def _sbox():
    box = [0x63] * 256
    p = q = 1
    while True:
        p ^= (p << 1) ^ (0x11B if p & 0x80 else 0)
        p &= 0xFF
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        x = q
        for s in (1, 2, 3, 4):
            x ^= ((q << s) | (q >> (8 - s))) & 0xFF
        box[p] = x ^ 0x63
        if p == 1:
            return box


SBOX = _sbox()


def _times2(x):
    return ((x << 1) ^ (0x1B if x & 0x80 else 0)) & 0xFF


def aes_schedule(key):
    nk = len(key) // 4
    words = [list(key[i:i + 4]) for i in range(0, len(key), 4)]
    rcon = 1
    for i in range(nk, 4 * (nk + 7)):
        t = list(words[i - 1])
        if i % nk == 0:
            t = [SBOX[b] for b in t[1:] + t[:1]]
            t[0] ^= rcon
            rcon = _times2(rcon)
        elif nk > 6 and i % nk == 4:
            t = [SBOX[b] for b in t]
        words.append([a ^ b for a, b in zip(words[i - nk], t)])
    return [sum(words[i:i + 4], []) for i in range(0, len(words), 4)]


def aes_block(schedule, block):
    s = [a ^ b for a, b in zip(block, schedule[0])]
    last = len(schedule) - 1
    for rnd in range(1, last + 1):
        s = [SBOX[s[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if rnd < last:
            out = []
            for c in range(0, 16, 4):
                a = s[c:c + 4]
                total = a[0] ^ a[1] ^ a[2] ^ a[3]
                out += [a[i] ^ total ^ _times2(a[i] ^ a[(i + 1) % 4])
                        for i in range(4)]
            s = out
        s = [a ^ b for a, b in zip(s, schedule[rnd])]
    return bytes(s)


class Salts:
    def __init__(self, secret):
        self.schedule = aes_schedule(secret)

    def __call__(self, i):
        return aes_block(self.schedule, i.to_bytes(16, 'big'))


# Ed25519 verification (RFC 8032, section 6)

P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def _ed_add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _ed_mul(s, p):
    q = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            q = _ed_add(q, p)
        p = _ed_add(p, p)
        s >>= 1
    return q


def _ed_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P != 0:
        return None
    return P - x if (x & 1) != sign else x


ED_Y = 4 * pow(5, P - 2, P) % P
ED_X = _ed_x(ED_Y, 0)
ED_G = (ED_X, ED_Y, 1, ED_X * ED_Y % P)


def _ed_point(data):
    n = int.from_bytes(data, 'little')
    y = n & ((1 << 255) - 1)
    x = _ed_x(y, n >> 255)
    return None if x is None else (x, y, 1, x * y % P)


def ed25519_check(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = _ed_point(public), _ed_point(signature[:32])
    s = int.from_bytes(signature[32:], 'little')
    if a is None or r is None or s >= L:
        return False
    h = hashlib.sha512(signature[:32] + public + message).digest()
    left = _ed_mul(s, ED_G)
    right = _ed_add(r, _ed_mul(int.from_bytes(h, 'little') % L, a))
    return ((left[0] * right[2] - right[0] * left[2]) % P == 0 and
            (left[1] * right[2] - right[1] * left[2]) % P == 0)


def _ed_bytes(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | ((x & 1) << 255)).to_bytes(32, 'little')


def ed25519_make(seed, message):
    """Public key and signature of a seed; for the vectors."""
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], 'little') & ((1 << 254) - 8) | (1 << 254)
    public = _ed_bytes(_ed_mul(a, ED_G))
    r = int.from_bytes(hashlib.sha512(h[32:] + message).digest(), 'little') % L
    point = _ed_bytes(_ed_mul(r, ED_G))
    k = int.from_bytes(hashlib.sha512(point + public + message).digest(),
                       'little') % L
    return public, point + ((r + k * a) % L).to_bytes(32, 'little')


# ECDSA over P-256 with SHA-256 (FIPS 186-4)

EP = 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1
EN = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
EB = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
EG = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
      0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
SPKI_P256 = bytes.fromhex(
    '3059301306072a8648ce3d020106082a8648ce3d03010703420004')


def _ec_add(p, q):
    if p is None or q is None:
        return q if p is None else p
    if p[0] == q[0]:
        if (p[1] + q[1]) % EP == 0:
            return None
        m = 3 * (p[0] * p[0] - 1) * pow(2 * p[1], EP - 2, EP)
    else:
        m = (q[1] - p[1]) * pow(q[0] - p[0], EP - 2, EP)
    x = (m * m - p[0] - q[0]) % EP
    return (x, (m * (p[0] - x) - p[1]) % EP)


def _ec_mul(s, p):
    q = None
    while s > 0:
        if s & 1:
            q = _ec_add(q, p)
        p = _ec_add(p, p)
        s >>= 1
    return q


def _der_pair(data):
    """The two integers of a DER SEQUENCE, or None."""
    out = []
    if len(data) < 8 or data[0] != 0x30 or data[1] != len(data) - 2:
        return None
    i = 2
    for _ in range(2):
        if i + 2 > len(data) or data[i] != 0x02:
            return None
        n = data[i + 1]
        if i + 2 + n > len(data):
            return None
        out.append(int.from_bytes(data[i + 2:i + 2 + n], 'big'))
        i += 2 + n
    return out if i == len(data) else None


def ecdsa_check(spki, message, signature):
    pair = _der_pair(signature)
    if pair is None or not spki.startswith(SPKI_P256) or len(spki) != 91:
        return False
    r, s = pair
    q = (int.from_bytes(spki[27:59], 'big'), int.from_bytes(spki[59:], 'big'))
    if not (0 < r < EN and 0 < s < EN):
        return False
    if (q[1] ** 2 - q[0] ** 3 + 3 * q[0] - EB) % EP != 0:
        return False
    w = pow(s, EN - 2, EN)
    e = int.from_bytes(H(message), 'big')
    point = _ec_add(_ec_mul(e * w % EN, EG), _ec_mul(r * w % EN, q))
    return point is not None and point[0] % EN == r


# Section 1: notation

class Reader:
    def __init__(self, data):
        self.data = data
        self.pos = 0

    def raw(self, n):
        if n > len(self.data) - self.pos:
            raise Unreadable('ends too early')
        self.pos += n
        return self.data[self.pos - n:self.pos]

    def uint(self, n):
        return int.from_bytes(self.raw(n), 'big')

    def i64(self):
        return int.from_bytes(self.raw(8), 'big', signed=True)

    def varint(self):
        value = shift = 0
        for i in range(10):
            b = self.uint(1)
            value |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                if (b == 0 and i > 0) or value >= 1 << 64:
                    break
                return value
        raise Unreadable('varint is not the shortest')

    def bytes(self):
        return self.raw(self.varint())

    def end(self):
        if self.pos != len(self.data):
            raise Unreadable('bytes left over')


def u16(n):
    return n.to_bytes(2, 'big')


def u32(n):
    return n.to_bytes(4, 'big')


def u64(n):
    return n.to_bytes(8, 'big')


def varint(n):
    out = b''
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def sized(data):
    return varint(len(data)) + data


# Section 2: the trees

def leaf_hash(leaf):
    return H(b'\0' + leaf)


class Tree:
    """A stack of perfect subtrees, as (number of leaves, hash)."""

    def __init__(self):
        self.stack = []
        self.size = 0

    def append(self, leaf):
        self.size += 1
        self.stack.append((1, leaf_hash(leaf)))
        while len(self.stack) > 1 and self.stack[-1][0] == self.stack[-2][0]:
            n, right = self.stack.pop()
            m, left = self.stack.pop()
            self.stack.append((n + m, H(b'\1' + left + right)))

    def root(self):
        if not self.stack:
            return H(b'')
        root = self.stack[-1][1]
        for _, left in reversed(self.stack[:-1]):
            root = H(b'\1' + left + root)
        return root


# Section 3: values and commitments

class Value:
    """A stored value (section 4.1) and its image (section 3.2)."""

    def __init__(self, length, data=None, digest=None):
        self.length = length
        self.data = data
        self.reference = digest is not None
        if length is None:
            self.image = b'\0'
        elif length <= 1024:
            self.image = b'\1' + u32(length) + data
        else:
            if digest is None:
                digest = H(b'\x18' + data)
            self.image = b'\2' + u64(length) + digest

    @staticmethod
    def read(r):
        code = r.varint()
        if code == 0:
            return Value(None)
        if code == 1:
            length = r.varint()
            if length <= 1024:
                raise Unreadable('reference to a short value')
            return Value(length, digest=r.raw(32))
        return Value(code - 2, data=r.raw(code - 2))


def column_commitment(salt, position, value):
    return H(b'\x10' + salt + u16(position) + value.image)


def row_commitment(schema, commitments):
    return H(b'\x11' + schema + u16(len(commitments)) + b''.join(commitments))


def key_image(values):
    return u16(len(values)) + b''.join(v.image for v in values)


def key_commitment(schema, salt, values):
    return H(b'\x12' + salt + schema + key_image(values))


def overwritten_commitment(salt, row_digest):
    return H(b'\x13' + salt + row_digest)


def row_digest(values):
    return H(b'\x14' + u16(len(values)) + b''.join(v.image for v in values))


def lookup_key(relation, values):
    digest = H(b'\x15' + u32(relation) + key_image(values))
    return int.from_bytes(digest[:8], 'big', signed=True)


def lookup_subject(value):
    return int.from_bytes(H(b'\x16' + value.image)[:8], 'big', signed=True)


# Section 4: entries

KINDS = {1: 'baseline', 2: 'insert', 3: 'update', 4: 'delete',
         5: 'truncate', 16: 'protect', 17: 'unprotect', 18: 'schema',
         19: 'key', 20: 'erasure', 21: 'disclosure', 22: 'incarnation',
         23: 'environment', 24: 'detach', 25: 'witness', 26: 'cosigned',
         27: 'trusted log', 28: 'witness key'}
HAS_ROW = ('baseline', 'insert', 'update')
HAS_OVERWRITTEN = ('update', 'delete')
ROW_LEVEL = HAS_ROW + ('delete',)
NO_TABLE = ('key', 'incarnation', 'environment', 'witness', 'cosigned',
            'trusted log', 'witness key')

# Bodies of the other kinds: a number of bytes (an integer, or raw), or 't'.
BODIES = {'truncate': (8,), 'detach': (8,), 'protect': 'ttttt' + '8',
          'unprotect': 'ttt', 'key': '4tt', 'erasure': '4ttttt',
          'disclosure': 'tt' + 'd', 'incarnation': '4tt8dt',
          'environment': '8ttt', 'witness': 'tt41t', 'cosigned': 't8d8',
          'trusted log': 't41t',
          'witness key': '4t'}


class Schema:
    def __init__(self, data):
        self.digest = H(b'\x17' + data)
        r = Reader(data)
        self.names = [r.bytes() for _ in range(5)]
        self.key_kind = r.uint(1)
        self.keys = [r.uint(2) for _ in range(r.uint(2))]
        self.subject = r.uint(2)
        self.n = r.uint(2)
        self.columns = [self.column(r) for _ in range(self.n)]
        r.end()
        if self.key_kind not in (1, 2):
            raise Unreadable('key kind')
        if (self.key_kind == 2) != (not self.keys):
            raise Unreadable('key columns do not fit the key kind')
        if (any(p >= self.n for p in self.keys) or
                len(set(self.keys)) != len(self.keys)):
            raise Unreadable('key position')
        if self.subject != 0xFFFF and self.subject >= self.n:
            raise Unreadable('subject position')
        if not self.keys:
            self.keys = list(range(self.n))

    @staticmethod
    def column(r):
        name, kind, flags = r.bytes(), r.bytes(), r.uint(1)
        if flags > 3:
            raise Unreadable('column flags')
        missing = Value.read(r) if flags & 2 else None
        if missing is not None and missing.reference:
            raise Unreadable('a missing value is a reference')
        return name, kind, flags, missing


class Entry:
    def __init__(self, committed):
        r = Reader(committed)
        code, self.flags = r.uint(1), r.uint(1)
        if code not in KINDS:
            raise Unreadable('entry kind')
        self.kind = KINDS[code]
        self.relation, self.version = r.uint(4), r.uint(4)
        if self.kind in NO_TABLE and (self.relation or self.version):
            raise Unreadable('relation or version of a control event')
        self.key_changed = bool(self.flags & 1)
        allowed = {'update': 1, 'insert': 2}.get(self.kind, 0)
        if self.flags & ~allowed:
            raise Unreadable('entry flags')
        if self.kind in ROW_LEVEL:
            self.read_commitments(r)
        else:
            self.body = committed[r.pos:]
            self.read_body(r)
        r.end()

    def read_commitments(self, r):
        self.key = r.raw(32)
        self.row = r.raw(32) if self.kind in HAS_ROW else None
        over = self.kind in HAS_OVERWRITTEN
        self.overwritten = r.raw(32) if over else None
        self.old_key = r.raw(32) if self.key_changed else None

    def read_body(self, r):
        if self.kind == 'schema':
            self.schema = Schema(self.body)
            r.raw(len(self.body))
            return
        self.fields = []
        for what in BODIES[self.kind]:
            if what == 't':
                self.fields.append(r.bytes())
            elif what == 'd':
                self.fields.append(r.raw(32))
            else:
                self.fields.append(r.uint(int(what)))
        if self.kind == 'trusted log' and self.fields[2] > 1:
            raise Unreadable('trusted or not')


class Private:
    """Commitments recomputed from a private part; None where withheld."""

    def __init__(self, entry, schema, data):
        self.key = self.row = self.old_key = self.overwritten = None
        self.key_values = self.old_key_values = self.row_digest = None
        self.opened = {}
        r = Reader(data)
        self.form = r.uint(1)
        if self.form == 1:
            self.whole(r, entry, schema)
        elif self.form == 2:
            self.redacted(r, entry, schema)
        elif self.form != 0:
            raise Unreadable('form of a private part')
        r.end()

    def whole(self, r, entry, schema):
        self.salts = salts = Salts(r.raw(16))
        if entry.kind in HAS_ROW:
            self.values = [Value.read(r) for _ in range(schema.n)]
            self.key_values = [self.values[p] for p in schema.keys]
            self.row = row_commitment(
                schema.digest, [column_commitment(salts(3 + p), p, v)
                 for p, v in enumerate(self.values)])
        else:
            self.key_values = [Value.read(r) for _ in schema.keys]
        self.key = key_commitment(schema.digest, salts(0), self.key_values)
        if entry.key_changed:
            self.old_key_values = [Value.read(r) for _ in schema.keys]
            self.old_key = key_commitment(
                schema.digest, salts(2), self.old_key_values)
        if entry.overwritten is not None:
            self.overwritten = overwritten_commitment(salts(1), r.raw(32))

    @staticmethod
    def item_salt(r):
        state = r.uint(1)
        if state > 1:
            raise Unreadable('state of a redacted item')
        return r.raw(16) if state else None

    def redacted_key(self, r, schema):
        salt = self.item_salt(r)
        if salt is None:
            return None, None
        values = [Value.read(r) for _ in schema.keys]
        return key_commitment(schema.digest, salt, values), values

    def redacted_column(self, r, p):
        salt = self.item_salt(r)
        if salt is None:
            return r.raw(32)
        self.opened[p] = Value.read(r)
        return column_commitment(salt, p, self.opened[p])

    def redacted(self, r, entry, schema):
        self.key, self.key_values = self.redacted_key(r, schema)
        if entry.overwritten is not None:
            salt = self.item_salt(r)
            if salt is not None:
                self.row_digest = r.raw(32)
                self.overwritten = overwritten_commitment(
                    salt, self.row_digest)
        if entry.key_changed:
            self.old_key, self.old_key_values = self.redacted_key(r, schema)
        if entry.row is not None:
            commitments = [self.redacted_column(r, p)
                           for p in range(schema.n)]
            self.row = row_commitment(schema.digest, commitments)


# Section 5: leaves of the log

NUMBERS = {1: 4, 2: 8, 3: 8, 4: 8, 5: 8, 6: 8, 14: 8, 15: 32}
REQUIRED = (1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 15)


class Record:
    def __init__(self, leaf):
        r = Reader(leaf)
        if r.raw(2) != b'\1\1':
            raise Unreadable('not a transaction record of version 1')
        self.fields = {}
        last = -1
        while r.pos < len(leaf):
            tag, value = r.uint(1), r.bytes()
            if tag <= last:
                raise Unreadable('tags do not ascend')
            if (tag > 19 and tag < 128) or tag == 0:
                raise Unreadable('unlisted tag')
            if tag in NUMBERS and len(value) != NUMBERS[tag]:
                raise Unreadable('length of tag %d' % tag)
            if not value and tag not in REQUIRED and tag < 128:
                raise Unreadable('an empty field is written')
            self.fields[tag] = value
            last = tag
        for tag in REQUIRED:
            if tag not in self.fields:
                raise Unreadable('tag %d is missing' % tag)
        self.commit_number = int.from_bytes(self.fields[3], 'big')
        self.entry_count = int.from_bytes(self.fields[14], 'big')
        self.root = self.fields[15]


class Block:
    def __init__(self, leaf):
        r = Reader(leaf)
        if r.raw(2) != b'\2\1':
            raise Unreadable('not a block header of version 1')
        self.number, self.first, self.leaves = r.uint(8), r.uint(8), r.uint(4)
        self.epoch, self.incarnation = r.uint(4), r.uint(4)
        self.time = r.i64()
        self.previous, self.environment = r.raw(32), r.raw(32)
        self.origin = r.bytes().decode('ascii', 'replace')
        self.snapshot = r.bytes()
        self.state = r.raw(32) if r.pos < len(r.data) else None
        r.end()
        if not origin_valid(self.origin) or self.leaves == 0:
            raise Unreadable('origin or leaves of a block')


def environment_fingerprint(items):
    if not items:
        return bytes(32)
    return H(b'\x1a' + u32(len(items)) +
             b''.join(sized(n) + sized(t) for n, t in items))


# Section 6: checkpoints

def origin_valid(name):
    return (re.fullmatch('[A-Za-z0-9./-]{1,255}', name) is not None and
            name[0] != '/' and name[-1] != '/')


def b64(text):
    """Canonical padded base64."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable('base64')
    if base64.b64encode(data).decode() != text:
        raise Unreadable('base64 is not canonical')
    return data


class Key:
    def __init__(self, text):
        self.text = text
        try:
            self.name, hexid, rest = text.split('+', 2)
        except ValueError:
            raise Unreadable('verifier key')
        data = b64(rest)
        if not data or not origin_valid(self.name):
            raise Unreadable('verifier key')
        self.type, self.key = data[0], data[1:]
        seed = self.key if self.type == 2 else (
            self.name.encode() + b'\n' + data)
        self.id = H(seed)[:4]
        if self.id.hex() != hexid:
            raise Unreadable('key id')

    def same(self, other):
        return (self.name, self.type, self.key) == (
            other.name, other.type, other.key)

    def check(self, message, signature):
        if self.type == 1:
            return ed25519_check(self.key, message, signature)
        if self.type == 2:
            return ecdsa_check(self.key, message, signature)
        return False


def checkpoint_text(origin, size, root):
    return ('%s\n%d\n%s\n' % (
        origin, size, base64.b64encode(root).decode())).encode()


def checkpoint_digest(text):
    return H(b'\x19' + text)


class Note:
    def __init__(self, data):
        try:
            text, lines = data.decode().split('\n\n', 1)
            self.origin, size, root = text.split('\n')
        except ValueError:
            raise Unreadable('checkpoint')
        if not re.fullmatch('0|[1-9][0-9]*', size):
            raise Unreadable('size of a checkpoint')
        self.size, self.root = int(size), b64(root)
        self.text = (text + '\n').encode()
        if len(self.root) != 32 or not lines.endswith('\n'):
            raise Unreadable('checkpoint')
        self.signatures = []
        for line in lines[:-1].split('\n'):
            match = re.fullmatch('\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)', line)
            data = b64(match.group(2)) if match else b''
            if len(data) < 5:
                raise Unreadable('signature line')
            self.signatures.append((match.group(1), data[:4], data[4:]))

    def signed_by(self, key):
        return any(name == key.name and keyid == key.id and
                   key.check(self.text, signature)
                   for name, keyid, signature in self.signatures)


# The whole ledger

class Ledger:
    def __init__(self, trusted):
        self.trusted = list(trusted)
        self.differences = []
        self.log = Tree()
        self.schemas = {}
        self.keys = {}
        self.block = None
        self.record = None
        self.tree = Tree()
        self.digest = bytes(32)
        self.blocks = self.entries = self.checkpoints = 0
        self.epoch = self.incarnation = 0
        self.announced = 0
        self.next_key = None
        self.untrusted = set()
        self.origin = None
        self.environment = {}

    def differ(self, what):
        self.differences.append('leaf %d: %s' % (self.log.size - 1, what))

    def agree(self, got, want, what):
        if got != want:
            self.differ('%s: recomputed %s, stated %s' % (what, got, want))

    def leaf(self, leaf):
        self.end_leaf()
        before = self.log.size, self.log.root()
        self.log.append(leaf)
        self.tree = Tree()
        try:
            if leaf[:1] == b'\2':
                self.begin_block(Block(leaf), before)
            else:
                self.begin_record(Record(leaf))
        except Unreadable as e:
            self.differ('unreadable leaf: %s' % e)

    def begin_block(self, b, before):
        if self.block is not None and b.incarnation > self.incarnation:
            self.digest = checkpoint_digest(
                checkpoint_text(self.block.origin, *before))
        elif self.block is not None:
            self.differ('a block begins inside another')
        self.agree(self.blocks, b.number, 'block number')
        self.agree(self.log.size - 1, b.first, 'first leaf')
        self.agree(self.digest.hex(), b.previous.hex(), 'checkpoint before')
        if b.epoch < self.epoch or b.incarnation < self.incarnation:
            self.differ('epoch or incarnation goes back')
        elif b.incarnation == self.incarnation:
            self.agree(self.epoch + (self.next_key is not None), b.epoch,
                       'epoch of the block')
        self.next_key = None
        if (self.origin not in (None, b.origin) and
                b.incarnation <= self.incarnation):
            self.differ('origin changes within an incarnation')
        self.epoch, self.incarnation = b.epoch, b.incarnation
        self.origin = b.origin
        self.block = b
        self.commit_number = -1
        self.blocks += 1

    def begin_record(self, record):
        self.record = record
        if self.block is None:
            self.differ('a transaction record outside of a block')
            return
        if record.commit_number <= self.commit_number:
            self.differ('commit numbers do not ascend')
        self.commit_number = record.commit_number

    def end_leaf(self):
        if self.record is not None:
            self.agree(self.tree.size, self.record.entry_count, 'entry count')
            self.agree(self.tree.root().hex(), self.record.root.hex(),
                       'root over the entries')
        elif self.tree.size > 0:
            self.differ('entries without a transaction record')
        self.record = None
        self.tree = Tree()

    def entry(self, committed, private):
        number = self.tree.size
        self.tree.append(committed)
        self.entries += 1
        try:
            e = Entry(committed)
            if e.kind in ROW_LEVEL:
                self.row_entry(number, e, private)
            elif private:
                self.differ('entry %d: has a private part' % number)
            if e.kind == 'schema':
                self.schemas[e.relation, e.version] = e.schema
            elif e.kind == 'environment':
                self.learn_item(*e.fields)
            elif e.kind == 'key':
                self.learn_key(e.fields[0], Key(e.fields[1].decode()),
                               e.fields[2])
        except Unreadable as e:
            self.differ('entry %d: %s' % (number, e))

    def learn_item(self, number, name, before, after):
        if number >= self.environment.get(name, (0, b''))[0]:
            self.environment[name] = (number, after)

    def learn_key(self, epoch, key, possession):
        """Section 6.3: keys in order, each held, one that follows."""
        if key.type not in (1, 2):
            raise Unreadable('type of key')
        if epoch != self.announced + 1:
            self.differ('the key of epoch %d follows that of epoch %d' % (
                epoch, self.announced))
        self.announced = max(self.announced, epoch)
        statement = 'pg_custody key epoch v1\n%d\n%s\n' % (epoch, key.text)
        if not key.check(statement.encode(), possession):
            self.differ('the key of epoch %d is not shown to be held' % epoch)
        self.keys.setdefault(epoch, key)
        if self.block is None or key.name != self.block.origin:
            return
        if epoch == self.block.epoch + 1 and self.next_key is None:
            self.next_key = key
        elif epoch != self.block.epoch:
            self.differ('a key of epoch %d in a block of epoch %d' % (
                epoch, self.block.epoch))

    def row_entry(self, number, e, private):
        schema = self.schemas.get((e.relation, e.version))
        if schema is None:
            self.differ('entry %d: schema version not seen' % number)
            return
        p = Private(e, schema, private)
        for name in ('key', 'row', 'old_key', 'overwritten'):
            got, want = getattr(p, name), getattr(e, name)
            if got is not None and got != want:
                self.differ('entry %d: %s commitment' % (number, name))

    def checkpoint(self, data):
        self.end_leaf()
        self.checkpoints += 1
        b, self.block = self.block, None
        if b is None:
            self.differ('a checkpoint without a block')
            return
        self.agree(self.log.size - (b.first), b.leaves, 'leaves of the block')
        items = [(name, text) for name, (_, text) in
                 sorted(self.environment.items()) if text]
        self.agree(environment_fingerprint(items).hex(), b.environment.hex(),
                   'environment fingerprint')
        text = checkpoint_text(b.origin, self.log.size, self.log.root())
        self.digest = checkpoint_digest(text)
        try:
            note = Note(data)
        except (Unreadable, UnicodeDecodeError) as e:
            self.differ('unreadable checkpoint: %s' % e)
            return
        self.agree(text, note.text, 'checkpoint')
        self.signatures(b, note)

    def signatures(self, b, note):
        """Section 6.3: of the block's epoch, and of the one that follows."""
        key = self.keys.get(b.epoch)
        if key is None or key.name != b.origin or not note.signed_by(key):
            self.differ('no signature of epoch %d' % b.epoch)
        elif not any(key.same(t) for t in self.trusted):
            if key.text not in self.untrusted:
                self.differ('the key of epoch %d is not trusted' % b.epoch)
            self.untrusted.add(key.text)
        elif self.next_key is not None and note.signed_by(self.next_key):
            self.trusted.append(self.next_key)
        if self.next_key is not None and not note.signed_by(self.next_key):
            self.differ('no signature of epoch %d' % (b.epoch + 1))

    def end(self):
        self.end_leaf()
        if self.block is not None:
            self.differ('the last block has no checkpoint')


def recompute(lines, trusted):
    ledger = Ledger(trusted)
    if next(lines, None) != 'custody-ledger v1\n':
        raise Unreadable('not a ledger bundle of version 1')
    for number, line in enumerate(lines, 2):
        word = line[:-1].split(' ')
        if not line.endswith('\n'):
            raise Unreadable('line %d has no end' % number)
        if word[0] == 'leaf' and len(word) == 2:
            ledger.leaf(b64(word[1]))
        elif word[0] == 'entry' and len(word) == 3:
            private = b'' if word[2] == '-' else b64(word[2])
            ledger.entry(b64(word[1]), private)
        elif word[0] == 'checkpoint' and len(word) == 2:
            ledger.checkpoint(b64(word[1]))
        else:
            raise Unreadable('line %d is no line of a bundle' % number)
    ledger.end()
    return ledger


def summary(ledger):
    for text in ledger.differences:
        print('difference: ' + text)
    if ledger.differences:
        print('recomputed %d leaves: %d differences' % (
            ledger.log.size, len(ledger.differences)))
        return 1
    print('recomputed %d leaves, %d entries, %d checkpoints: all agree' % (
        ledger.log.size, ledger.entries, ledger.checkpoints))
    return 0


def main_ledger(name, keys):
    trusted = [Key(k) for k in keys]
    if name == '-':
        return summary(recompute(iter(sys.stdin), trusted))
    with open(name, encoding='ascii', newline='') as f:
        return summary(recompute(iter(f), trusted))


# Section 9: proofs

class Wrong(Exception):
    """A rule of section 9 that does not hold."""


LIMIT = 1 << 63


def decimal(text):
    if not re.fullmatch('0|[1-9][0-9]{0,18}', text) or int(text) >= LIMIT:
        raise Unreadable('number')
    return int(text)


def digest(text):
    data = b64(text)
    if len(data) != 32:
        raise Unreadable('length of a hash')
    return data


def path_root(leaf, index, size, path):
    """RFC 9162 section 2.1.3.2."""
    if index >= size:
        raise Wrong('the index is not in the tree')
    fn, sn, r = index, size - 1, leaf_hash(leaf)
    for p in path:
        if sn == 0:
            raise Wrong('the path is too long')
        if fn & 1 or fn == sn:
            r = H(b'\1' + p + r)
            while fn and not fn & 1:
                fn >>= 1
                sn >>= 1
        else:
            r = H(b'\1' + r + p)
        fn >>= 1
        sn >>= 1
    if sn != 0:
        raise Wrong('the path is too short')
    return r


class LeafProof:
    """Section 9.1."""

    def __init__(self, text):
        head, note = self.parts(text, '\n\n')
        lines = head.split('\n')
        if lines.pop(0) != 'c2sp.org/tlog-proof@v1':
            raise Unreadable('not a leaf proof of version 1')
        if lines and lines[0].startswith('extra '):
            b64(lines.pop(0)[6:])
        if not lines or not lines[0].startswith('index '):
            raise Unreadable('index line')
        self.index = decimal(lines.pop(0)[6:])
        self.path = [digest(line) for line in lines]
        self.note = Note(note.encode())

    @staticmethod
    def parts(text, separator):
        head, found, rest = text.partition(separator)
        if not found:
            raise Unreadable('ends too early')
        return head, rest

    def check(self, leaf, trusted):
        """Rules 4 and 5."""
        note = self.note
        if path_root(leaf, self.index, note.size, self.path) != note.root:
            raise Wrong('the leaf is not in the log of the checkpoint')
        if not any(note.signed_by(k) for k in trusted
                   if k.name == note.origin):
            raise Wrong('no trusted key signed the checkpoint')


class RowProof:
    """Section 9.2."""

    def __init__(self, text):
        head, rest = LeafProof.parts(text, '\n\n')
        self.lines = head.split('\n')
        if self.lines.pop(0) != 'custody-proof v1':
            raise Unreadable('not a row proof of version 1')
        entry, = self.words('entry', 1)
        private, = self.words('private', 1)
        number, count, path = self.words('path', 3)
        record, = self.words('record', 1)
        schema, = self.words('schema', 1)
        if self.lines:
            raise Unreadable('a line too many')
        self.leaf = LeafProof(rest)
        self.committed, self.record_bytes = b64(entry), b64(record)
        self.number, self.count = decimal(number), decimal(count)
        path = b'' if path == '-' else b64(path) or b'?'
        if len(path) % 32 != 0:
            raise Unreadable('length of the path')
        self.path = [path[i:i + 32] for i in range(0, len(path), 32)]
        self.schema = Schema(b64(schema))
        self.record = Record(self.record_bytes)
        self.entry = Entry(self.committed)
        if self.entry.kind not in ROW_LEVEL:
            raise Unreadable('not the entry of a row')
        self.private = Private(self.entry, self.schema, b64(private))
        if self.private.form != 2:
            raise Unreadable('form of the private part')

    def words(self, name, n):
        words = self.lines.pop(0).split(' ') if self.lines else ['']
        if words[0] != name or len(words) != n + 1:
            raise Unreadable('%s line' % name)
        return words[1:]

    def check(self, trusted):
        self.check_values()
        record = self.record
        if self.count != record.entry_count or path_root(
                self.committed, self.number, self.count,
                self.path) != record.root:
            raise Wrong('the entry is not in the transaction')
        self.leaf.check(self.record_bytes, trusted)

    def check_values(self):
        """Rule 2."""
        e, p = self.entry, self.private
        if p.key is None:
            raise Wrong('the key is withheld')
        for name in ('key', 'row', 'old_key', 'overwritten'):
            got, want = getattr(p, name), getattr(e, name)
            if got is not None and got != want:
                raise Wrong('the %s commitment differs' % name)
        for position, value in zip(self.schema.keys, p.key_values):
            column = p.opened.get(position)
            if column is not None and column.image != value.image:
                raise Wrong('a key column differs from the key')

    def named(self, position, value):
        return '%s = %s' % (
            shown(self.schema.columns[position][0]),
            'NULL' if value.length is None else
            '%d bytes of an earlier entry' % value.length
            if value.data is None else shown(value.data))

    def show(self):
        s, p, note = self.schema, self.private, self.leaf.note
        print('table %s.%s' % (shown(s.names[0]), shown(s.names[1])))
        for position, value in zip(s.keys, p.key_values):
            print('key ' + self.named(position, value))
        print('operation %s' % self.entry.kind)
        print('changed at %s' % moment(self.record.fields[6]))
        for position, value in sorted(p.opened.items()):
            print('value ' + self.named(position, value))
        print('tree size %d, origin %s' % (note.size, note.origin))


class HistoryEntry:
    """One version or event of section 9.4."""

    def __init__(self, proof, record, words):
        self.record = record
        self.is_version = words[0] == 'version'
        if len(words) != (6 if self.is_version else 4):
            raise Unreadable('%s line' % words[0])
        self.number, self.path = decimal(words[1]), hashes(words[2])
        self.committed = b64(words[-1] or '?')
        self.entry = Entry(self.committed)
        self.link = None
        kinds = ROW_LEVEL if self.is_version else ROW_LEVEL + (
            'truncate', 'detach', 'schema')
        if self.entry.kind not in kinds:
            raise Unreadable('kind of an entry')
        if self.is_version:
            number = decimal(words[3])
            if number > proof.named or number >= len(proof.schemas):
                raise Unreadable('number of a definition')
            proof.named = max(proof.named, number + 1)
            self.schema = proof.schemas[number]
            self.private = Private(self.entry, self.schema, b64(words[4]))
            if self.private.form != 2:
                raise Unreadable('form of the private part')

    def place(self):
        return self.record.index, self.number

    def gone(self):
        return self.entry.kind not in HAS_ROW

    def key(self):
        return key_image(self.private.key_values)

    def old_key(self):
        values = self.private.old_key_values
        return None if values is None else key_image(values)

    def values(self):
        """By position, or None where one is withheld."""
        opened = self.private.opened
        if self.gone() or len(opened) != self.schema.n:
            return None
        return [opened[p] for p in range(self.schema.n)]

    check_values = RowProof.check_values


class HistoryRecord:
    def __init__(self, words):
        if len(words) != 4:
            raise Unreadable('record line')
        self.index, self.bytes = decimal(words[1]), b64(words[2] or '?')
        self.path, self.record = hashes(words[3]), Record(self.bytes)


class HistoryProof:
    """Section 9.4."""

    def __init__(self, text):
        head, note = LeafProof.parts(text, '\n\n')
        self.note = Note(note.encode())
        lines = head.split('\n')
        if lines.pop(0) != 'custody-history v1':
            raise Unreadable('not a history proof of version 1')
        self.schemas, self.records, self.entries = [], [], []
        self.named, self.old = 0, None
        for line in lines:
            self.line(line.split(' '))
        if (self.named != len(self.schemas) or not self.entries or
                self.entries[-1].record is not self.records[-1]):
            raise Unreadable('a definition or a record without an entry')

    def line(self, words):
        records, entries = self.records, self.entries
        if self.old is not None:
            raise Unreadable('a line too many')
        if words[0] == 'schema' and len(words) == 2 and not records:
            self.schemas.append(Schema(b64(words[1] or '?')))
        elif words[0] == 'record':
            record = HistoryRecord(words)
            if records and (record.index <= records[-1].index or not entries or
                            entries[-1].record is not records[-1]):
                raise Unreadable('order of the transactions')
            records.append(record)
        elif words[0] in ('version', 'event') and records:
            entry = HistoryEntry(self, records[-1], words)
            if entries and entry.place() <= entries[-1].place():
                raise Unreadable('order of the entries')
            entries.append(entry)
        elif words[0] == 'old' and len(words) == 3:
            self.old, self.growth = Note(b64(words[1] or '?')), hashes(words[2])
        else:
            raise Unreadable('an unlisted line')

    def check(self, trusted):
        note = self.note
        for e in self.entries:
            record = e.record.record
            if e.is_version:
                e.check_values()
            if path_root(e.committed, e.number, record.entry_count,
                         e.path) != record.root:
                raise Wrong('the entry is not in the transaction')
        for r in self.records:
            if path_root(r.bytes, r.index, note.size, r.path) != note.root:
                raise Wrong('the record is not in the log')
        self.check_links()
        if self.old is not None:
            check_growth(self.old.size, self.old.root, note.size, note.root,
                         self.growth)
        for n in (note, self.old):
            if n is not None and not any(n.signed_by(k) for k in trusted
                                         if k.name == n.origin):
                raise Wrong('no trusted key signed a checkpoint')

    def check_links(self):
        self.before, self.stands, self.erased = None, False, False
        self.between = []
        for at, e in enumerate(self.entries):
            if self.old and at > 0 and e.record.index < self.old.size:
                raise Wrong('a second entry from before the old checkpoint')
            e.link = (self.version_link(e, at) if e.is_version else
                      self.event_link(e, at))
            if not e.is_version:
                continue
            self.before, self.between = e, []
            self.stands, self.erased = not e.gone(), False

    def event_link(self, e, at):
        kind = e.entry.kind
        if kind in ROW_LEVEL:
            self.erased = True
            return 'erased'
        if (self.before is None or
                self.before.entry.relation != e.entry.relation):
            raise Wrong('an event of another table')
        if kind == 'schema':
            if at + 1 == len(self.entries):
                raise Wrong('a schema version at the end')
            self.between.append(e.entry.schema)
            return ''
        if not self.stands and not self.erased:
            raise Wrong('a table emptied of a row that is gone')
        self.stands = False
        return 'table emptied'

    def version_link(self, e, at):
        kind, before = e.entry.kind, self.before
        moved = kind == 'insert' and bool(e.entry.flags & 2)
        if self.erased:
            return 'erased'
        if before is None:
            if self.old and e.record.index < self.old.size:
                return 'in force'
            if kind not in ('insert', 'baseline') or moved:
                raise Wrong('the first version overwrote another')
            return 'first'
        same = before.key() == e.key()
        left = before.old_key() == e.key() and not same
        if moved:
            if not (self.entries[at - 1] is before and same and
                    before.entry.kind == 'delete' and
                    before.record is e.record and
                    before.entry.relation == e.entry.relation):
                raise Wrong('a row moved from nowhere')
            return 'moved'
        if kind == 'insert':
            if not (left or (same and not self.stands)):
                raise Wrong('a row inserted that is there')
            return 'new life'
        if kind == 'baseline':
            if not (left or same):
                raise Wrong('a baseline of another row')
            return 'recorded anew'
        return self.change_link(e)

    def change_link(self, e):
        before = self.before
        if not self.stands or before.entry.relation != e.entry.relation:
            raise Wrong('a change of a row that is not there')
        key = e.old_key() if e.entry.key_changed else e.key()
        if key is None:
            return 'erased'
        if key != before.key():
            raise Wrong('a change of another row')
        values = before.values()
        if values is None or e.private.row_digest is None:
            return 'erased'
        for through in ([], self.between):
            read, schema = values, before.schema
            for to in through + [e.schema]:
                read, schema = converted(read, schema, to), to
            if row_digest(read) == e.private.row_digest:
                return 'linked'
        raise Wrong('a version overwrote another than the one before it')

    def show(self):
        known = {}
        for e in self.entries:
            if e.link == '':
                continue
            print('%s at %s, leaf %d, %s' % (
                e.entry.kind, moment(e.record.record.fields[6]),
                e.record.index, e.link))
            if not e.is_version:
                continue
            p = e.private
            for value in p.opened.values():
                if value.data is None:
                    value.data = known.get(value.image)
                known[value.image] = value.data
            for position, value in zip(e.schema.keys, p.key_values):
                print('  key ' + RowProof.named(e, position, value))
            for position, value in sorted(p.opened.items()):
                print('  value ' + RowProof.named(e, position, value))
        since = ', since size %d' % self.old.size if self.old else ''
        print('tree size %d, origin %s%s' % (
            self.note.size, self.note.origin, since))


def converted(values, schema, to):
    """Values under one definition as another reads them."""
    by_name = {c[0]: v for c, v in zip(schema.columns, values)}
    return [by_name.get(name, missing or Value(None))
            for name, _, _, missing in to.columns]


def hashes(text):
    data = b'' if text == '-' else b64(text) or b'?'
    if len(data) % 32 != 0 or len(data) > 63 * 32:
        raise Unreadable('length of a path')
    return [data[i:i + 32] for i in range(0, len(data), 32)]


def check_growth(m, old_root, n, root, proof):
    """RFC 9162 section 2.1.4.2."""
    if m == 0 or m > n or (m == n and (proof or old_root != root)):
        raise Wrong('the log did not grow from one size to the other')
    if m == n:
        return
    path = ([old_root] if m & (m - 1) == 0 else []) + proof
    fn, sn = m - 1, n - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    if not path:
        raise Wrong('the consistency proof is too short')
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            raise Wrong('the consistency proof is too long')
        if fn & 1 or fn == sn:
            fr, sr = H(b'\1' + c + fr), H(b'\1' + c + sr)
            while fn and not fn & 1:
                fn >>= 1
                sn >>= 1
        else:
            sr = H(b'\1' + sr + c)
        fn >>= 1
        sn >>= 1
    if sn != 0 or fr != old_root or sr != root:
        raise Wrong('the old log is not in the log')


def shown(data):
    """Bytes for a terminal, as a JSON string; other bytes as U+FFFD."""
    return json.dumps(data.decode('utf-8', 'replace'))


def moment(data):
    """A time of section 1."""
    seconds, micro = divmod(int.from_bytes(data, 'big', signed=True), 1000000)
    try:
        return '%s.%06d UTC' % (
            (datetime.datetime(1970, 1, 1) +
             datetime.timedelta(seconds=seconds)).isoformat(' '), micro)
    except OverflowError:
        return '%d s after 1970' % seconds


def proof_text(name, header):
    """A text of section 9; psql writes one line feed after it."""
    with open(name, 'rb') as f:
        data = f.read()
    if not data.startswith((header + b'\n', header + b'\r')):
        raise Unreadable('"%s" is not a proof' % name)
    if data.endswith(b'\n\n'):
        data = data[:-1]
    return data


def judge(check):
    try:
        check()
    except (Wrong, Unreadable, UnicodeDecodeError) as e:
        print('not valid: %s' % e)
        return 1
    return 0


def main_proof(name, keys):
    data = proof_text(name, b'custody-proof v1')
    trusted = [Key(k) for k in keys]

    def check():
        proof = RowProof(data.decode())
        proof.check(trusted)
        proof.show()
    return judge(check)


def main_history(name, keys):
    data = proof_text(name, b'custody-history v1')
    trusted = [Key(k) for k in keys]

    def check():
        proof = HistoryProof(data.decode())
        proof.check(trusted)
        proof.show()
    return judge(check)


def main_leaf_proof(name, leaf, keys):
    data = proof_text(name, b'c2sp.org/tlog-proof@v1')
    trusted = [Key(k) for k in keys]
    with open(leaf, 'rb') as f:
        leaf = f.read()

    def check():
        proof = LeafProof(data.decode())
        proof.check(leaf, trusted)
        print('leaf %d, tree size %d, origin %s' % (
            proof.index, proof.note.size, proof.note.origin))
    return judge(check)


# The pinned vectors and the worked example

class Vectors:
    def __init__(self, name):
        with open(name, encoding='utf-8') as f:
            self.pinned = json.load(f)
        self.differences = []

    def agree(self, name, got):
        if isinstance(got, bytes):
            got = got.hex()
        if self.pinned[name] != got:
            self.differences.append('%s: recomputed %s, pinned %s' % (
                name, got, self.pinned[name]))

    def hex(self, name):
        return bytes.fromhex(self.pinned[name])

    def row(self):
        """Section 3, from the values and the secret."""
        values = [Value(None) if v is None else
                  Value(len(v.encode()), data=v.encode())
                  for v in self.pinned['values']]
        self.agree('value_images', [v.image.hex() for v in values])
        salts = Salts(self.hex('secret'))
        self.agree('salts',
                   [salts(i).hex() for i in range(3 + len(values))])
        columns = [column_commitment(salts(3 + p), p, v)
                   for p, v in enumerate(values)]
        self.agree('column_commitments', [c.hex() for c in columns])
        schema = self.hex('schema_digest')
        self.agree('row_commitment', row_commitment(schema, columns))
        self.agree('key_commitment',
                   key_commitment(schema, salts(0), values[:1]))
        self.agree('row_digest', row_digest(values))
        self.agree('overwritten_commitment',
                   overwritten_commitment(salts(1), row_digest(values)))
        self.agree('lookup_key',
                   lookup_key(self.pinned['relation'], values[:1]))
        self.agree('lookup_subject', lookup_subject(values[0]))

    def block(self):
        """Sections 2, 4 and 5: block 0."""
        entries = Tree()
        log = Tree()
        for name in ('key_entry', 'schema_entry', 'insert_entry'):
            self.agree(name + '_leaf_hash', leaf_hash(self.hex(name)))
            entries.append(self.hex(name))
        self.agree('schema_digest',
                   Schema(self.hex('schema_entry')[10:]).digest)
        self.agree('entries_root', entries.root())
        for name in ('block_header', 'transaction_record'):
            self.agree(name + '_leaf_hash', leaf_hash(self.hex(name)))
            log.append(self.hex(name))
        self.agree('root', log.root())
        return log

    def head(self, log):
        """Section 6: the signed checkpoint, from the seed."""
        origin = self.pinned['origin']
        text = checkpoint_text(origin, log.size, log.root())
        public, signature = ed25519_make(self.hex('seed'), text)
        key = b'\1' + public
        keyid = H(origin.encode() + b'\n' + key)[:4]
        line = '\u2014 %s %s\n' % (
            origin, base64.b64encode(keyid + signature).decode())
        self.agree('checkpoint_digest', checkpoint_digest(text))
        self.agree('checkpoint', text.decode() + '\n' + line)
        self.agree('verifier_key', '%s+%s+%s' % (
            origin, keyid.hex(), base64.b64encode(key).decode()))

    def document(self, name):
        """Is every long byte string of the worked example pinned?"""
        with open(name, encoding='utf-8') as f:
            example = f.read().split('\n## 10. ', 1)[1]
        known = json.dumps(self.pinned)
        shown = re.findall('[0-9a-f]{8,}', example)
        for text in shown:
            if text not in known:
                self.differences.append('worked example: ' + text)
        if len(shown) < 20:
            self.differences.append('worked example: not found')


def main_vectors(name):
    v = Vectors(name)
    v.row()
    v.head(v.block())
    if os.path.exists(FORMAT):
        v.document(FORMAT)
    ledger = recompute(iter([line + '\n' for line in v.pinned['bundle']]),
                       [Key(k) for k in [v.pinned['verifier_key']] +
                        v.pinned['other_verifier_keys']])
    ledger.differences[:0] = v.differences
    return summary(ledger)


def main(args):
    try:
        if args and args[0] == '--vectors' and len(args) <= 2:
            return main_vectors(args[1] if len(args) > 1 else VECTORS)
        if len(args) >= 3 and args[0] == '--proof':
            return main_proof(args[1], args[2:])
        if len(args) >= 3 and args[0] == '--history':
            return main_history(args[1], args[2:])
        if len(args) >= 4 and args[0] == '--leaf-proof':
            return main_leaf_proof(args[1], args[2], args[3:])
        if len(args) >= 2 and not args[0].startswith('--'):
            return main_ledger(args[0], args[1:])
        sys.stderr.write(__doc__)
    except (OSError, Unreadable, UnicodeDecodeError) as e:
        sys.stderr.write('recompute.py: %s\n' % e)
    return 2


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
