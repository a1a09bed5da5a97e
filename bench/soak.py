#!/usr/bin/env python3
"""Runs bin/soak under several allocators at once and prints their curves: see scripts/soak."""
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/release"
PEERS = {"jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2",
         "tcmalloc": "libtcmalloc_minimal.so.4", "system": "libc.so.6"}


def preload_of(name):
    if name == "hakmem":
        return str(BUILD / "libhakmem.so")
    return "" if name == "system" else PEERS.get(name, name)


def expected_in(name):
    return "libhakmem.so" if name == "hakmem" else PEERS.get(name, name).split(".so")[0]


def main():
    seconds = float(sys.argv[1]) * 3600
    names = sys.argv[2:] or ["hakmem", "system", "jemalloc", "mimalloc"]
    folder = ROOT / "build/soak"
    folder.mkdir(parents=True, exist_ok=True)
    interval = max(1.0, min(60.0, seconds / 60))
    processes = {}
    for name in names:
        env = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
        if preload_of(name):
            env["LD_PRELOAD"] = preload_of(name)
        output = open(folder / f"{Path(name).name}.json", "w", encoding="ascii")
        processes[name] = subprocess.Popen(
            [BUILD / "bin/soak", "--seconds", str(seconds), "--interval", str(interval)],
            stdout=output, env=env)
    bad = [name for name, process in processes.items() if process.wait() != 0]
    if bad:
        sys.exit(f"soak: failed under {', '.join(bad)}")
    curves = {}
    for name in names:
        text = (folder / f"{Path(name).name}.json").read_text(encoding="ascii")
        curves[name] = [json.loads(line) for line in text.splitlines()]
        if expected_in(name) not in curves[name][-1]["allocator"]:
            sys.exit(f"soak: malloc of {name} came from {curves[name][-1]['allocator']}")
    print("Resident memory over live bytes:\n")
    print("| minutes | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))
    length = min(map(len, curves.values()))
    step = max(1, length // 12)
    for row in list(range(step - 1, length, step)):
        cells = [f"{curves[name][row]['fragmentation']:.3f}" for name in names]
        print(f"| {curves[names[0]][row]['seconds'] / 60:.1f} | " + " | ".join(cells) + " |")
    tail = {name: [point["fragmentation"] for point in curve[-max(1, length // 10):]]
            for name, curve in curves.items()}
    print("\nAverage of the last tenth: " + ", ".join(
        f"{name} {sum(values) / len(values):.3f}" for name, values in tail.items()))
    print("Million operations: " + ", ".join(
        f"{name} {curve[-1]['operations'] / 1e6:.0f}" for name, curve in curves.items()))


main()
