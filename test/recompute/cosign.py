#!/usr/bin/env python3
"""A witness, from doc/format.md section 6 alone, for tests.

    cosign.py key SEED NAME               its verifier key
    cosign.py sign SEED NAME TIME < NOTE  its signature line for a checkpoint
    cosign.py check KEY < NOTE            did the witness of that key cosign?

SEED is 32 bytes in hexadecimal.  It cosigns whatever it is given.  The answer
to "check" is the exit status.
"""

import base64
import sys

import recompute as rc


def key(seed, name):
    public, _ = rc.ed25519_make(seed, b'')
    typed = b'\4' + public
    return typed, rc.H(name.encode() + b'\n' + typed)[:4]


def sign(seed, name, time, note):
    text = note.split('\n\n')[0] + '\n'
    _, signature = rc.ed25519_make(
        seed, ('cosignature/v1\ntime %d\n%s' % (time, text)).encode())
    return '\u2014 %s %s\n' % (name, base64.b64encode(
        key(seed, name)[1] + rc.u64(time) + signature).decode())


def check(vkey, note):
    name, keyid, typed = vkey.split('+', 2)
    typed = base64.b64decode(typed)
    text, lines = note.rstrip('\n').split('\n\n')
    text += '\n'
    for line in lines.split('\n'):
        dash, signer, data = line.split(' ')
        data = base64.b64decode(data)
        if dash == '\u2014' and signer == name and data[:4].hex() == keyid:
            time = int.from_bytes(data[4:12], 'big')
            message = 'cosignature/v1\ntime %d\n%s' % (time, text)
            return (typed[:1] == b'\4' and
                    rc.H(name.encode() + b'\n' + typed)[:4].hex() == keyid and
                    rc.ed25519_check(typed[1:], message.encode(), data[12:]))
    return False


def main():
    if sys.argv[1] == 'check':
        note = sys.stdin.buffer.read().decode()
        sys.exit(0 if check(sys.argv[2], note) else 1)
    what, seed, name = sys.argv[1], bytes.fromhex(sys.argv[2]), sys.argv[3]
    if what == 'key':
        typed, keyid = key(seed, name)
        out = '%s+%s+%s\n' % (name, keyid.hex(), base64.b64encode(typed).decode())
    else:
        out = sign(seed, name, int(sys.argv[4]), sys.stdin.buffer.read().decode())
    sys.stdout.buffer.write(out.encode())


if __name__ == '__main__':
    main()
