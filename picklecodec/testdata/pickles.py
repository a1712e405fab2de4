# The other side of the tests. One command a line on standard input, one answer a line.
import base64
import pickle
import random
import struct
import sys


def canon(v):
    """The text that the tests in Go make of the same value."""
    if v is None:
        return 'N'
    if v is True or v is False:
        return 'T' if v else 'F'
    if type(v) is int:
        return f'i{v}'
    if type(v) is float:
        return 'fnan' if v != v else 'f' + struct.pack('>d', v).hex()
    if type(v) is str:
        return 's' + v.encode().hex()
    if type(v) is bytes:
        return 'b' + v.hex()
    if type(v) is list:
        return '[' + ','.join(map(canon, v)) + ']'
    if type(v) is dict:
        items = sorted((k.encode(), x) for k, x in v.items())
        return '{' + ','.join(k.hex() + ':' + canon(x) for k, x in items) + '}'
    raise TypeError(type(v))


def text(r):
    kinds = ['abcdefgh', 'äöü\\\n\r\0\x1a\'"', 'λ漢字', '😀\U0010ffff']
    n = r.choice([0, 1, 3, 10, 255, 256, 300])
    return ''.join(r.choice(r.choice(kinds)) for _ in range(n))


def number(r):
    edge = r.choice([0, 1 << 7, 1 << 8, 1 << 15, 1 << 16, 1 << 31, 1 << 32, 1 << 62])
    n = r.choice([edge - 1, edge, edge + 1, r.randrange(1 << 63)])
    return r.choice([n, -n])


def value(r, depth, protocol):
    kind = r.randrange(10 if depth < 5 else 7)
    if kind == 0:
        return None
    if kind == 1:
        return r.random() < 0.5
    if kind == 2:
        return r.choice([number(r), (1 << 64) - 1, (1 << 63) - 1, -(1 << 63), 1 << 63])
    if kind == 3:
        return r.choice([0.0, -0.0, float('inf'), float('-inf'), float('nan'), r.random(), r.random() * 1e300, 5e-324])
    if kind == 4 and protocol >= 3:  # before, bytes are a call
        return r.randbytes(r.choice([0, 1, 255, 256, 256, 300, 70000]))
    if kind < 7:
        return text(r)
    n = r.choice([0, 1, 2, 5, 8])
    if kind == 7:
        return [value(r, depth + 1, protocol) for _ in range(n)]
    if kind == 8:
        return {text(r): value(r, depth + 1, protocol) for _ in range(n)}
    shared = [value(r, depth + 1, protocol)]
    return [shared, {'a': shared, 'b': shared}, shared]


def make(seed):
    r = random.Random(int(seed))
    protocol = r.randrange(6)
    v = value(r, 0, protocol)
    return base64.b64encode(pickle.dumps(v, protocol)).decode() + ' ' + canon(v)


def load(data):
    return canon(pickle.loads(base64.b64decode(data)))


def dump(protocol, expression):
    scope = {name: __import__(name) for name in ('collections', 'datetime', 'decimal', 'uuid')}
    return base64.b64encode(pickle.dumps(eval(expression, scope), int(protocol))).decode()


commands = {'make': make, 'load': load, 'dump': dump}

for line in sys.stdin:
    name, *args = line.rstrip('\n').split(' ', 2 if line.startswith('dump') else -1)
    print(commands[name](*args), flush=True)
