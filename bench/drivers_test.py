#!/usr/bin/env python3
"""Whether the drivers of whole programs and of the matrix work: drivers_test.py BUILD."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "tests"))
sys.dont_write_bytecode = True
from checks import check, finish  # noqa: E402

BUILD = Path(sys.argv[1])


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


programs()
matrix()
finish()
