#!/usr/bin/env python3
"""Whether the drivers of whole programs, the matrix, the soak and the demo work, and what all refuse:
drivers_test.py BUILD."""
import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "tests"))
sys.dont_write_bytecode = True
sys.path.insert(1, str(BENCH / "demo"))
from checks import check, finish  # noqa: E402
from paired import ratio_of  # noqa: E402

BUILD = Path(sys.argv[1])
STATIC = BUILD / "tests/cli/static_program"


def run(program, *arguments):
    done = subprocess.run([BENCH / program, "--build", BUILD, *arguments], capture_output=True,
                          text=True, timeout=250, check=False)
    check(f"{program} ends well", done.returncode == 0, done.stdout + done.stderr)
    return done.stdout


def programs():
    for program in ("true", "python3"):
        text = run("programs", program, "--rounds", "1", "--contestants", "hakmem,glibc")
        lines = [line.split() for line in text.splitlines() if line.startswith("  hakmem")
                 or line.startswith("  glibc")]
        check(f"programs runs {program} with both", len(lines) == 2, text)
        for line in lines:
            check(f"{program} takes time and memory",
                  all(float(cell.replace(",", "")) > 0 for cell in line[1:]), line)


def matrix():
    with tempfile.TemporaryDirectory() as folder:
        run("matrix", "pair-32", "--runs", "2", "--iterations", "10000", "--out", folder)
        rows = json.loads((Path(folder) / "matrix.json").read_text(encoding="utf-8"))
        tables = {row["table"] for row in rows}
        check("matrix has modes and features", len(tables) == 2, tables)
        check("every cell has a time", all(row["median_ns"] > 0 for row in rows), rows)
        for name in ("matrix.md", "matrix.csv"):
            check(f"{name} is written", (Path(folder) / name).stat().st_size > 0)


def soak():
    with tempfile.TemporaryDirectory() as folder:
        text = run("soak.py", "--out", folder, "0.001", "hakmem", "system")
        found = re.fullmatch(r"Verdict: (as|not as) lean as the leanest peer.*: hakmem (\S+), "
                             r"system (\S+), ratio (\S+)", text.splitlines()[-1])
        check("soak ends with a verdict", found is not None, text)
        if found:
            hakmem, system, share = map(float, found.groups()[1:])
            check("soak's verdict follows from the averages", abs(share - hakmem / system) < 0.01
                  and ((found[1] == "as") == (share <= 1) or share == 1), found)


def demo():
    done = subprocess.run([sys.executable, "-B", BENCH / "demo", "--quick"], capture_output=True, text=True,
                          timeout=250, check=False)
    text = done.stdout
    check("demo ends well", done.returncode == 0, text + done.stderr)
    check("demo has a verdict on memory and one for each peer", text.count("Verdict: ") == 4, text)
    for name in ("libc", "jemalloc", "mimalloc", "hakmem"):
        check(f"demo has {name} in both tables",
              len(re.findall(rf"^  {name} +[\d,.]+ +[\d,.]+ +[\d,.]+$", text, re.M)) == 2, text)
    done = subprocess.run([sys.executable, "-B", BENCH / "demo", "--", "sort", "/dev/null"], capture_output=True,
                          text=True, timeout=250, check=False)
    check("demo measures a command", done.returncode == 0 and done.stdout.count("Verdict: ") == 6, done)
    for words in (["x"], ["--"], ["--", STATIC]):
        done = subprocess.run([sys.executable, "-B", BENCH / "demo", *words], capture_output=True,
                              text=True, timeout=250, check=False)
        check(f"demo refuses {words}", done.returncode != 0 and "Verdict" not in done.stdout
              and "Traceback" not in done.stderr and done.stderr != "", done)


def intervals():
    """The true ratio is in 95 of 100 intervals, or more."""
    numbers = random.Random(1)
    held = 0
    for _ in range(1000):
        ours = [1.1 * numbers.lognormvariate(0, 0.1) for _ in range(15)]
        theirs = [numbers.lognormvariate(0, 0.1) for _ in range(15)]
        ratio = ratio_of(ours, theirs)
        held += ratio.low <= 1.1 <= ratio.high
    check("intervals hold what they say", 940 <= held <= 990, held)
    for ratio, word in (((1.06, 1.08, 1.1), "costly"), ((0.8, 0.9, 0.94), "cheap"),
                        ((0.97, 1, 1.04), "no difference"), ((0.9, 1, 1.2), "undecided")):
        low, median, high = ratio
        said = type(ratio_of([1], [1]))(median, low, high).verdict("costly", "cheap")
        check(f"{ratio} is {word}", word in said, said)


def bad_arguments():
    """A number that means nothing ends in one message and status 2, before anything runs."""
    for arguments in (["scenarios", "--scenario", "pair-32", "--iterations", "-1"],
                      ["scenarios", "--scenario", "pair-32", "--mebibytes", "-1"],
                      ["scenarios", "--scenario", "pair-32", "--runs", "0"],
                      ["scenarios", "--scenario", "pair-32", "--threads", "-1"],
                      ["soak", "--megabytes", "0"], ["soak", "--seconds", "-1"],
                      ["idle", "--mebibytes", "-1"]):
        refused([BUILD / "bin" / arguments[0], *arguments[1:]])
    for program, options in {"matrix": ("runs", "threads", "iterations", "seconds"),
                             "programs": ("rounds",),
                             "compare": ("rounds", "threads", "iterations", "mebibytes"),
                             "large": ("rounds", "mebibytes"),
                             "idle": ("rounds", "mebibytes", "seconds"),
                             "snapshot": ("rounds", "mebibytes", "requests")}.items():
        for option in options:
            values = ["-1", "x"]
            if option == "rounds" or option == "runs":
                values.append("0")
            for value in values:
                refused([BENCH / program, "--build", BUILD, f"--{option}={value}"])
    for value in ("0", "-1", "nan", "x"):
        refused([BENCH / "soak.py", "--", value])


def refused(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    name = " ".join(map(str, [Path(command[0]).name, *command[1:]]))
    check(f"{name} is refused", done.returncode == 2 and done.stdout == ""
          and done.stderr != "" and "Traceback" not in done.stderr, done)


programs()
matrix()
soak()
demo()
intervals()
bad_arguments()
finish()
