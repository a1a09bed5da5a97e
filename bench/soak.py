#!/usr/bin/env python3
"""Runs bin/soak under several allocators at once; prints curves and a verdict: see scripts/soak."""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = {"jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2",
         "tcmalloc": "libtcmalloc_minimal.so.4", "system": "libc.so.6"}


def hours(text):
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time")
    return value


def preload_of(name, build):
    if name == "hakmem":
        return str(build / "libhakmem.so")
    return "" if name == "system" else PEERS.get(name, name)


def expected_in(name):
    return "libhakmem.so" if name == "hakmem" else PEERS.get(name, name).split(".so")[0]


def verdict(averages):
    """One line: hakmem against the leanest peer."""
    peers = {name: average for name, average in averages.items() if name != "hakmem"}
    if "hakmem" not in averages or not peers:
        return "Verdict: none, it takes hakmem and a peer"
    leanest = min(peers, key=peers.get)
    share = averages["hakmem"] / peers[leanest]
    met = "as lean as the leanest peer" if share <= 1 else "not as lean as the leanest peer"
    return (f"Verdict: {met}: hakmem {averages['hakmem']:.3f}, {leanest} {peers[leanest]:.3f}, "
            f"ratio {share:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hours", type=hours)
    parser.add_argument("allocators", nargs="*",
                        help="hakmem, system, jemalloc, mimalloc, tcmalloc or a library's path")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--out", type=Path, default=ROOT / "build/soak",
                        help="folder of the curves")
    options = parser.parse_args()
    seconds = options.hours * 3600
    names = options.allocators or ["hakmem", "system", "jemalloc", "mimalloc"]
    folder = options.out
    folder.mkdir(parents=True, exist_ok=True)
    interval = max(1.0, min(60.0, seconds / 60))
    processes = {}
    for name in names:
        env = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
        if preload_of(name, options.build):
            env["LD_PRELOAD"] = preload_of(name, options.build)
        output = open(folder / f"{Path(name).name}.json", "w", encoding="ascii")
        processes[name] = subprocess.Popen(
            [options.build / "bin/soak", "--seconds", str(seconds), "--interval", str(interval)],
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
    last_tenth = {name: statistics.fmean(point["fragmentation"]
                                         for point in curve[-max(1, length // 10):])
                  for name, curve in curves.items()}
    print("\nAverage of the last tenth: " + ", ".join(
        f"{name} {average:.3f}" for name, average in last_tenth.items()))
    print("Million operations: " + ", ".join(
        f"{name} {curve[-1]['operations'] / 1e6:.0f}" for name, curve in curves.items()))
    print(verdict(last_tenth))


if __name__ == "__main__":
    main()
