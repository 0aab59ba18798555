"""Checks a sealed batch without a line of Ruhu's code: encoding v1, SHA-256 tree, Ed25519 (RFC 8032, strict).

Reads lines `<public key hex> <batch hex>`; prints for each `ok <facts open> <facts in all> <last seal hash hex>` and the
open facts' seq, kind and body as they are written there, or `bad <why>`. It must never import anything beyond the standard library.
"""

import hashlib
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def recover_x(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P:
        return None
    return P - x if x & 1 != sign else x


def add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    m, n = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(point, n):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = add(out, point)
        point = add(point, point)
        n >>= 1
    return out


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def decode(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def signed(key, message, signature):
    a, r = decode(key), decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    if same(times(a, 8), (0, 1, 1, 0)) or same(times(r, 8), (0, 1, 1, 0)):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return same(times(BASE, s), add(r, times(a, k)))


class Bad(Exception):
    pass


class Reader:
    def __init__(self, data):
        self.data, self.at, self.side = data, 0, b""

    def cut(self, n):
        """Seal and tree end after `n` bytes; the texts follow."""
        self.data, self.at, self.side = self.raw(n), 0, self.data[self.at :]

    def texts(self):
        """The next row's texts: up to its last one's end."""
        end = self.side.find(1) + 1
        if end == 0:
            raise Bad("short")
        out, self.side = self.side[:end], self.side[end:]
        return out

    def raw(self, n):
        out = self.data[self.at : self.at + n]
        if len(out) != n:
            raise Bad("short")
        self.at += n
        return out

    def varint(self):
        n = 0
        for shift in range(0, 64, 7):
            byte = self.raw(1)[0]
            if byte == 0 and shift:
                raise Bad("number")
            n |= (byte & 127) << shift
            if byte < 128:
                if n >> 64:
                    raise Bad("number")
                return n
        raise Bad("number")

    def bytes(self):
        return self.raw(self.varint())

    def span(self):
        n = self.varint()
        half = n >> 1
        value = half >> 1 if half & 1 == 0 else -(half >> 1) - 1
        return value if n & 1 else value * 1000


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def split(n):
    at = 1
    while at * 2 < n:
        at *= 2
    return at


def node_of(leaves):
    if len(leaves) == 1:
        return leaves[0]
    at = split(len(leaves))
    return sha(b"\x01", node_of(leaves[:at]), node_of(leaves[at:]))


def salts(seed, n):
    if n == 1:
        return [seed]
    grown = sha(b"\x02", seed)
    at = split(n)
    return salts(grown[:16], at) + salts(grown[16:], n - at)


def number(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def near(r):
    n = r.varint()
    return n >> 1 if n & 1 == 0 else -(n >> 1) - 1


def span(n):
    whole = n % 1000 == 0
    n = n // 1000 if whole else n
    return number((n << 1 if n >= 0 else (-n << 1) - 1) << 1 | (0 if whole else 1))


class Said:
    """What the open rows before have said; a row says what differs."""

    def __init__(self, journal, base):
        self.journal, self.unit = journal, 1000 if base % 1000 == 0 else 1
        self.author = self.file = None
        self.since, self.kinds, self.journals = 0, {}, []

    def replaced(self, r, seq):
        n = r.varint()
        place, again = n >> 1, n & 1
        if place == 0:
            return self.journal + number(seq - near(r) & 2**64 - 1), again
        if place == len(self.journals) + 1:
            self.journals.append([r.raw(8), 0])
        if place > len(self.journals):
            raise Bad("journal")
        known = self.journals[place - 1]
        known[1] = known[1] + near(r) & 2**64 - 1
        return known[0] + number(known[1]), again

    def row(self, r, seq):
        """What is hashed of the next row, and what it says of itself."""
        head = r.varint()
        more = r.raw(1)[0] if head & 8 else 0
        kind, form = head >> 4, more >> 3
        name = r.bytes() if kind == 0 else b""
        if kind > 29 or form > 2:
            raise Bad("kind or form")
        if more & 1:
            self.author = r.bytes()
        section, length, has_texts = self.kinds.get(kind, (b"\x00", 0, 0))
        if more & 2:
            section = r.raw(1)
        if head & 1:
            self.file = r.raw(8)
        self.since += r.span() if more & 4 else r.varint() * self.unit
        if head & 4:
            length, has_texts = divmod(r.varint(), 2)
        replaces, again = [], head & 2
        while again:
            one, again = self.replaced(r, seq)
            replaces.append(one)
        frame = r.raw(length)
        texts = r.texts() if has_texts else b""
        self.kinds[kind] = section, length, has_texts
        if self.author is None or self.file is None:
            raise Bad("row")
        hashed = [bytes([len(self.author)]), self.author, section, self.file, span(self.since), bytes([kind])]
        hashed += [number(len(name)) + name if kind == 0 else b"", number(len(replaces)), *replaces, bytes([form])]
        hashed += [number(len(frame)), frame, number(len(texts)), texts]
        return b"".join(hashed), f"{seq}:{kind}:{name.hex()}:{form}:{frame.hex()}:{texts.hex()}"


def tree(r, first, n, said, facts):
    """The node of the next subtree, over `n` facts from `first`."""
    tag = r.raw(1)[0]
    if tag == 0:
        return r.raw(32)
    if tag == 1:
        leaves = []
        for seq, salt in enumerate(salts(r.raw(16), n), first):
            hashed, told = said.row(r, seq)
            facts.append(told)
            leaves.append(sha(b"\x00", salt, hashed))
        return node_of(leaves)
    if tag == 2 and n > 1:
        at = split(n)
        left = tree(r, first, at, said, facts)
        return sha(b"\x01", left, tree(r, first + at, n - at, said, facts))
    raise Bad("tree")


def check(key, data):
    r = Reader(data)
    r.cut(r.varint())
    suite, journal, batch = r.raw(1), r.raw(8), r.varint()
    if suite != b"\x01":
        raise Bad("suite")
    previous = r.raw(32) if batch > 1 else bytes(32)
    first, count, seen, base = r.varint(), r.varint(), r.varint(), r.span()
    signature = r.raw(64)
    facts = []
    root = tree(r, first, count, Said(journal, base), facts)
    if r.at != len(r.data) or r.side:
        raise Bad("bytes after the end")
    message = (
        b"ruhu.seal.1\x00" + suite + journal + batch.to_bytes(8, "big") + previous + first.to_bytes(8, "big")
        + count.to_bytes(4, "big") + seen.to_bytes(8, "big") + base.to_bytes(8, "big", signed=True) + root
    )
    if not signed(key, message, signature):
        raise Bad("signature")
    return facts, count, sha(message, signature)


for line in sys.stdin:
    try:
        key, data = (bytes.fromhex(part) for part in line.split())
        facts, count, seal = check(key, data)
        print("ok", len(facts), count, seal.hex(), *facts)
    except (Bad, ValueError, OverflowError) as why:
        print("bad", why)
