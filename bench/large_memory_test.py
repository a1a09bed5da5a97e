#!/usr/bin/env python3
"""Whether the benchmarks of large memory work, on small sizes: large_memory_test.py BUILD."""
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "tests"))
sys.dont_write_bytecode = True
from checks import check, finish  # noqa: E402

BUILD = Path(sys.argv[1])
MIB = 1024  # in KiB


def run(program, *arguments):
    return subprocess.run([BENCH / program, "--build", BUILD, *arguments], capture_output=True,
                          text=True, timeout=250, check=False)


def rows_of(program, *arguments):
    with tempfile.NamedTemporaryFile("r", suffix=".json") as output:
        done = run(program, "--json", output.name, *arguments)
        check(f"{program} ends well", done.returncode == 0, done.stdout + done.stderr)
        return (json.load(output) if done.returncode == 0 else []), done.stdout


def large():
    contestants = ["nothing", "hakmem", "glibc", "glibc+thp"]
    rows, text = rows_of("large", "--quick", "--contestants", ",".join(contestants))
    lines = [("grow", 1), ("chase", 1), ("large-random", 1), ("large-random", 2)]
    check("large has every contestant on every line",
          [(row["scenario"], row["threads"], row["contestant"]) for row in rows]
          == [(*line, contestant) for line in lines for contestant in contestants], text)
    check("large prints every row", text.count("\n| ") == len(rows), text)
    for row in rows:
        name = f"{row['scenario']} of {row['contestant']}"
        check(f"{name} takes time", row["ns"] > 0, row)
        if row["contestant"] == "nothing":
            continue
        if row["scenario"] != "large-random":
            check(f"{name} holds what it allocated", 32 * MIB < row["peak_rss_kib"] < 128 * MIB,
                  row)
        else:
            # With two threads a handful of looks fall into each other's changes.
            least = 1 if row["threads"] == 1 else 0.5
            check(f"{name} has live blocks, all resident",
                  least <= row["resident_over_live"] < 10, row)
        check(f"{name} is compared with fewer peers, then more",
              row["ratio_thp"] >= row["ratio_plain"] > 0, row)


def calls_and_reallocs():
    rows, text = rows_of("compare", "purge-latency", "realloc-churn", "--rounds", "1",
                         "--iterations", "300", "--mebibytes", "8",
                         "--contestants", "hakmem,glibc")
    check("compare has two scenarios of two contestants", len(rows) == 4, text)
    for row in rows:
        name = f"{row['scenario']} of {row['contestant']}"
        if row["scenario"] == "realloc-churn":
            check(f"{name} counts mappings", 10 < row["end_mappings"] <= row["most_mappings"], row)
            continue
        for call in ("malloc", "kept malloc", "free", "kept free"):
            quantiles = [row[f"{call} p{share}"] for share in ("50", "99", "99.9")]
            check(f"{name}: {call} has quantiles in order",
                  0 < quantiles[0] <= quantiles[1] <= quantiles[2], quantiles)


def idle():
    done = run("idle", "--quick", "--peers", "glibc")
    check("idle ends well", done.returncode == 0, done.stderr)
    rows = re.findall(r"^\| ([a-z, ]+) \| (.*) \|$", done.stdout, re.M)
    check("idle has every way and peer", [name for name, _ in rows]
          == ["hakmem, thread", "hakmem, uring", "hakmem, auto", "hakmem, off", "glibc"],
          done.stdout)
    for name, columns in rows:
        shares = [float(share) for share in re.findall(r"([0-9.]+) \(", columns)]
        check(f"idle: {name} has four shares of the peak",
              len(shares) == 4 and all(0 < share < 120 for share in shares), columns)


def snapshot():
    if shutil.which("redis-server") is None or shutil.which("redis-benchmark") is None:
        print("snapshot: skipped, redis is not installed")
        return
    done = run("snapshot", "--quick", "--contestants", "hakmem,glibc")
    check("snapshot ends well", done.returncode == 0, done.stderr)
    rows = re.findall(r"^\| (hakmem|glibc) \| (.*) \|$", done.stdout, re.M)
    check("snapshot has both allocators", [name for name, _ in rows] == ["hakmem", "glibc"],
          done.stdout)
    for name, columns in rows:
        before, peak, child = [float(value) for value in re.findall(r"([0-9.]+) \(", columns)][:3]
        check(f"snapshot: {name} holds its 8 MiB, the child some of its own",
              8 < before < peak and 0 < child < peak, columns)


def wrong_allocators():
    """A library without a malloc stands for every preload that did not take effect."""
    other = str(BUILD / "bin/libdo_nothing.so")
    for program, option in (("large", "--contestants"), ("idle", "--peers")):
        done = run(program, "--quick", option, other)
        check(f"{program} sees that malloc came from elsewhere",
              done.returncode != 0 and "but malloc came from" in done.stderr, done.stderr)
    done = run("large", "--quick", "--contestants", "tcmalloc+thp")
    check("a peer without an option for huge pages is refused",
          done.returncode != 0 and "has no option" in done.stderr, done.stderr)


large()
calls_and_reallocs()
idle()
snapshot()
wrong_allocators()
finish()
