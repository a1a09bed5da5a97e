"""A command of the user's: time and memory under each contestant, in turn."""
import os
import random
import subprocess
import sys
import tempfile
import time

from contestants import environment, require

# Fewer pairs give no interval of 95 %.
ROUNDS = 7


def _run(command, name, library):
    # time(1) forks from a small process: the kernel counts the parent's size before exec as the
    # child's peak, and python's would hide that of a small command.
    with tempfile.NamedTemporaryFile("r") as report:
        begin = time.monotonic()
        process = subprocess.Popen(["/usr/bin/time", "-o", report.name, "-f", "%M", *command],
                                   env=environment(library), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        peak_kib = report.read().split()[-1]
    if process.returncode != 0:
        sys.exit(f"demo: {command[0]} ended with status {process.returncode} under {name}")
    return {"ms": elapsed * 1000, "CPU ms": (usage.ru_utime + usage.ru_stime) * 1000,
            "peak MiB": int(peak_kib) / 1024}


def run(command, libraries):
    """By contestant: what each round measured; the first round, a warm-up, is dropped."""
    for name, library in libraries.items():
        require(command, name, library)
    rounds = {name: [] for name in libraries}
    for round_number in range(ROUNDS + 1):
        for name in random.Random(round_number).sample(list(libraries), len(libraries)):
            measured = _run(command, name, libraries[name])
            if round_number > 0:
                rounds[name].append(measured)
    return rounds
