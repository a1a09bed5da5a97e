"""Stores and reads back from four threads; a value may have been evicted, but never be wrong. Then
one connection alone changes what it stored, and prints every answer: the same from any server."""
import hashlib
import random
import socket
import sys
import threading

PORT = int(sys.argv[1])
failures = []


def client(number):
    draw = random.Random(number)
    connection = socket.create_connection(("127.0.0.1", PORT))
    stream = connection.makefile("rwb")
    hits = 0
    for step in range(6000):
        key = draw.randrange(1500)
        if step % 2 == 0:
            size = int(8 * 2 ** draw.uniform(0, 10 if step % 50 else 16))
            value = bytes([(key + size) % 251]) * size
            stream.write(b"set %d:%d 0 0 %d\r\n%s\r\n" % (number, key, size, value))
            stream.flush()
            answer = stream.readline()
            if answer != b"STORED\r\n" and b"out of memory" not in answer:
                failures.append(answer)
        else:
            stream.write(b"get %d:%d\r\n" % (number, key))
            stream.flush()
            head = stream.readline().split()
            if head[0] == b"END":
                continue
            size = int(head[3])
            value = stream.read(size + 2)[:-2]
            stream.readline()
            hits += 1
            if value != bytes([(key + size) % 251]) * size:
                failures.append((key, size))
    if hits < 100:
        failures.append(f"only {hits} hits")


def ask(stream, request):
    """The lines of an answer, the values as their sums."""
    stream.write(request)
    stream.flush()
    while True:
        line = stream.readline().strip()
        print(line.decode())
        if line.startswith(b"VALUE"):
            value = stream.read(int(line.split()[3]) + 2)
            print(hashlib.sha256(value).hexdigest())
            continue
        return


def one_alone():
    stream = socket.create_connection(("127.0.0.1", PORT)).makefile("rwb")
    for key in range(100):
        size = 10 + key * key * 20
        ask(stream, b"set alone:%d %d 0 %d\r\n%s\r\n" % (key, key, size, b"%d" % (key % 10) * size))
        ask(stream, b"append alone:%d 0 0 5\r\n-tail\r\n" % key)
        if key % 7 == 0:
            ask(stream, b"delete alone:%d\r\n" % key)
        ask(stream, b"get alone:%d\r\n" % key)
    ask(stream, b"set counter 0 0 2\r\n41\r\n")
    ask(stream, b"incr counter 1\r\n")


threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
one_alone()
sys.exit(f"memcached: {failures[:3]}" if failures else 0)
