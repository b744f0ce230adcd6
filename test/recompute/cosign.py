#!/usr/bin/env python3
"""A witness, from doc/format.md section 6 alone, for tests.

    cosign.py key SEED NAME               its verifier key
    cosign.py sign SEED NAME TIME < NOTE  its signature line for a checkpoint
    cosign.py mldsa PEM DER NAME TIME < NOTE
                                          both, of an ML-DSA-44 key
    cosign.py check KEY < NOTE            did the witness of that key cosign?

SEED is 32 bytes in hexadecimal.  PEM is a private key and DER its public key,
for the openssl program (3.5 or later).  It cosigns whatever it is given.  The answer
to "check" is the exit status.
"""

import base64
import subprocess
import sys
import tempfile

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


def short(data):
    return bytes([len(data)]) + data


def mldsa(pem, der, name, time, note):
    with open(der, 'rb') as f:
        typed = b'\6' + f.read()[-1312:]
    keyid = rc.H(name.encode() + b'\n' + typed)[:4]
    origin, size, root = note.split('\n')[:3]
    message = (b'subtree/v1\n\0' + short(name.encode()) + rc.u64(time) +
               short(origin.encode()) + rc.u64(0) + rc.u64(int(size)) +
               base64.b64decode(root))
    with tempfile.NamedTemporaryFile() as f:
        f.write(message)
        f.flush()
        signature = subprocess.run(
            ['openssl', 'pkeyutl', '-sign', '-inkey', pem, '-rawin', '-in', f.name],
            check=True, capture_output=True).stdout
    return '%s+%s+%s\n\u2014 %s %s\n' % (
        name, keyid.hex(), base64.b64encode(typed).decode(), name,
        base64.b64encode(keyid + rc.u64(time) + signature).decode())


def main():
    if sys.argv[1] == 'check':
        note = sys.stdin.buffer.read().decode()
        sys.exit(0 if check(sys.argv[2], note) else 1)
    if sys.argv[1] == 'mldsa':
        made = mldsa(*sys.argv[2:5], int(sys.argv[5]), sys.stdin.buffer.read().decode())
        sys.stdout.buffer.write(made.encode())
        return
    what, seed, name = sys.argv[1], bytes.fromhex(sys.argv[2]), sys.argv[3]
    if what == 'key':
        typed, keyid = key(seed, name)
        out = '%s+%s+%s\n' % (name, keyid.hex(), base64.b64encode(typed).decode())
    else:
        out = sign(seed, name, int(sys.argv[4]), sys.stdin.buffer.read().decode())
    sys.stdout.buffer.write(out.encode())


if __name__ == '__main__':
    main()
