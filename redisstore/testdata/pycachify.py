# What py-cachify 3.1 sends to Redis, and how it reads the answers, for a lock and for
# a cached function. One command a line on standard input; one answer a line.
import ast
import pickle
import sys

import redis

r = redis.Redis(unix_socket_path=sys.argv[1])


def acquire(key, seconds):
    return bool(r.set(name=key, value=pickle.dumps(1), ex=int(seconds) or None, nx=True))


def load(key):
    value = r.get(name=key)
    return value and pickle.loads(value)


def call(key, seconds, result):
    """A call of a cached function, which returns result if it has to run."""
    value = load(key)
    if value is not None:
        return value
    value = ast.literal_eval(result)
    r.set(key, pickle.dumps(value), ex=int(seconds) or None, nx=False)
    return 'ran', value


commands = {
    'acquire': acquire,
    'is_locked': lambda key: bool(load(key)),
    'release': lambda key: r.delete(key),
    'load': load,
    'call': call,
    'ttl_between': lambda key, least, most: int(least) <= r.ttl(key) <= int(most),
    'save': lambda key, text: r.set(name=key, value=pickle.dumps(text)),
}

for line in sys.stdin:
    name, *args = line.rstrip('\n').split(' ', 3 if line.startswith('call ') else -1)
    print(repr(commands[name](*args)), flush=True)
