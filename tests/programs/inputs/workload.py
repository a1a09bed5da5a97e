"""Containers, strings, threads, processes: the same output under every allocator."""
import gc
import hashlib
import json
import multiprocessing
import re
import threading
import zlib


def digest(seed):
    state = hashlib.sha256()
    rows = [{"id": k, "name": f"row {k * seed}", "tags": [str(k % j) for j in range(1, 9)]}
            for k in range(4000)]
    text = json.dumps(rows)
    state.update(zlib.compress(text.encode()))
    state.update(str(len(re.findall(r"row \d*7", text))).encode())
    state.update(str(json.loads(text) == rows).encode())
    buffers = [bytearray(size) for size in range(1, 400_000, 9001)]
    state.update(str(sum(map(len, buffers))).encode())
    return state.hexdigest()


if __name__ == "__main__":
    results = [None] * 6

    def work(index):
        results[index] = digest(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(results)
    with multiprocessing.get_context("fork").Pool(3) as pool:
        print(pool.map(digest, range(6)) == results)
    cycles = [[] for _ in range(100_000)]
    for cycle in cycles:
        cycle.append(cycle)
    del cycles, cycle
    print(gc.collect() >= 100_000)
