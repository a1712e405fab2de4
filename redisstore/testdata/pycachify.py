# What py-cachify 3.1 sends to Redis, and how it reads the answers, for a lock. One
# command a line on standard input; one answer a line.
import pickle
import sys

import redis

r = redis.Redis(unix_socket_path=sys.argv[1])


def acquire(key, seconds):
    return bool(r.set(name=key, value=pickle.dumps(1), ex=int(seconds) or None, nx=True))


def load(key):
    value = r.get(name=key)
    return value and pickle.loads(value)


commands = {
    'acquire': acquire,
    'is_locked': lambda key: bool(load(key)),
    'release': lambda key: r.delete(key),
    'load': load,
    'save': lambda key, text: r.set(name=key, value=pickle.dumps(text)),
}

for line in sys.stdin:
    name, *args = line.split()
    print(repr(commands[name](*args)), flush=True)
