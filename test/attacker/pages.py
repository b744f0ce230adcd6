"""Heap pages on disk, edited while the server is down, with their checksums made again."""

import re
import struct

PAGE = 8192
OFFSETS = [struct.unpack('>I', bytes.fromhex(h))[0] for h in (
    '5B1F36E9 B8525960 02AB50AA 1DE66D2A 79FF467A 9BB9F8A3 217E7CD2 83E13D2C '
    'F8D4474F E39EB970 42C6AE16 993216FA 7B093B5D 98DAFF3C F718902A 0B1C9CDB '
    'E58F764B 187636BC 5D7B3BB1 E73DE7DE 92BEC979 CCA6C0B2 304A0979 85AA43D4 '
    '783125BB 6CA8EAA2 E407EAC6 4B5CFC3E 9FBF8C76 15CA20BE F2CA9FD3 959BD756').split()]
PRIME = 16777619
MASK = 0xFFFFFFFF


def checksum(page, block):
    """PostgreSQL's checksum of a page: 32 parallel FNV-1a sums, with the field itself taken as 0."""
    words = struct.unpack('<2048I', page[:8] + b'\0\0' + page[10:])
    result = 0
    for lane, sum_ in enumerate(OFFSETS):
        for value in words[lane::32] + (0, 0):
            mixed = sum_ ^ value
            sum_ = (mixed * PRIME & MASK) ^ (mixed >> 17)
        result ^= sum_
    return (result ^ block) % 65535 + 1


def edit(path, pattern, random):
    """Change one letter of a text that matches, somewhere in the file; whether there was one."""
    with open(path, 'r+b') as f:
        data = bytearray(f.read())
        places = [m.start() for m in re.finditer(pattern, data)]
        if not places:
            return False
        place = random.choice(places)
        block = place // PAGE
        old = bytes(data[block * PAGE:(block + 1) * PAGE])
        assert struct.unpack('<H', old[8:10])[0] == checksum(old, block), 'not the server\'s checksum'
        data[place] = random.choice([c for c in b'QXZ' if c != data[place]])
        page = bytearray(data[block * PAGE:(block + 1) * PAGE])
        page[8:10] = struct.pack('<H', checksum(page, block))
        f.seek(block * PAGE)
        f.write(page)
    return True
