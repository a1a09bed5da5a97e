"""Stores and reads back from four threads; a value may have been evicted, but never be wrong."""
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


threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(f"memcached: {failures[:3]}" if failures else 0)
