"""What hakmem does to the memory and the speed of real programs, beside the malloc of libc, jemalloc
and mimalloc as this machine has them, each with its own default settings.

Without a command: a cache that is filled, emptied and left alone, and redis-server under load. With
one: that command's time and memory. Which allocator is in use is verified in every process.
"""
import argparse
import dataclasses
import shutil
import statistics
import sys
import time

import command
import redis_load
import resident
from contestants import contestants
from paired import CONFIDENCE, ratio_of


@dataclasses.dataclass
class Size:
    mebibytes: int = 1024
    rounds: int = 30
    requests: int = 20000


def print_table(rounds, resident_mib=None):
    columns = list(next(iter(rounds.values()))[0])
    last = ["MiB at the end"] if resident_mib else []
    print(f"\n  {'':10}" + "".join(f"{column:>17}" for column in columns + last))
    for name, measured in rounds.items():
        cells = [statistics.median(each[column] for each in measured) for column in columns]
        cells += [resident_mib[name]] if resident_mib else []
        print(f"  {name:10}" + "".join(f"{cell:17,.{0 if cell >= 100 else 1}f}" for cell in cells))


def print_verdicts(rounds, column, more, less):
    """`column` in relation to each of the others: pairs that were measured side by side."""
    print(f"\nhakmem's {column} beside the others': median of {len(rounds['hakmem'])} pairs, in brackets "
          f"the interval in which\nthe true one lies with {CONFIDENCE:.0%} probability")
    of = {name: [each[column] for each in measured] for name, measured in rounds.items()}
    for name in rounds:
        if name == "hakmem":
            continue
        ratio = ratio_of(of["hakmem"], of[name])
        print(f"  {name:10}{str(ratio):26}Verdict: {ratio.verdict(more, less)}")


def show_redis(libraries, size):
    if shutil.which("redis-server") is None or shutil.which("redis-benchmark") is None:
        print("\nredis is left out: redis-server and redis-benchmark are not installed on this machine")
        return
    rounds, resident_mib = redis_load.run(libraries, size.rounds, size.requests)
    print("\n\nredis-server under load (set, get, lpush of 256 bytes; pipeline 8): medians of "
          f"{size.rounds} rounds in turn,\nafter {redis_load.WARM_UP_ROUNDS} of warm-up")
    print_table(rounds, resident_mib)
    print_verdicts(rounds, "CPU ns/request", "a request costs more under hakmem",
                   "a request costs less under hakmem")


def show_command(words, libraries):
    rounds = command.run(words, libraries)
    print(f"\n{' '.join(words)}: medians of {command.ROUNDS} rounds in turn, after one of warm-up")
    print_table(rounds)
    print_verdicts(rounds, "CPU ms", "more under hakmem", "less under hakmem")
    print_verdicts(rounds, "peak MiB", "more under hakmem", "less under hakmem")


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage="scripts/demo [--quick] [-- COMMAND ARG...]")
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="shows that it works, no more")
    options = parser.parse_args()
    words = options.command
    size = Size(mebibytes=64, rounds=2, requests=1000) if options.quick else Size()
    if words and words[0] != "--":
        parser.error(f"'{words[0]}' is not understood; a command stands behind --")
    if words == ["--"]:
        parser.error("no command after --")
    begin = time.monotonic()
    libraries = contestants()
    if words:
        if shutil.which(words[1]) is None:
            print(f"demo: {words[1]}: command not found", file=sys.stderr)
            return 127
        show_command(words[1:], libraries)
    else:
        resident.show(resident.run(libraries, size.mebibytes), size.mebibytes)
        show_redis(libraries, size)
    print(f"\n{time.monotonic() - begin:.0f} s; the allocator in use was verified in every process.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
