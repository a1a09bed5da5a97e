"""Runs a real program under libc's malloc and under hakmem, in turn, and prints one table.

Which allocator a program uses is verified, not assumed: the dynamic loader itself tells which
library it bound malloc to (LD_DEBUG=bindings), and a running server's mappings are looked at. A
preload that the loader cannot open is ignored by it, with exit status 0.
"""
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "build/release/libhakmem.so"
ROUNDS = 3
CONTESTANTS = ["libc", "minimal", "fast", "balanced"]


def libc_path():
    """The libc that dynamic programs here load."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    match = re.search(r"(/\S*libc\.so\.6)", maps)
    if match is None:
        sys.exit("demo: no libc.so.6 found in this process; only glibc systems are supported")
    return match.group(1)


def environment(contestant):
    env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and not k.startswith("HAKMEM_")}
    if contestant == "libc":
        # Some programs link another allocator (Debian's redis-server links jemalloc): with libc in
        # front, its malloc is the one that is found first.
        env["LD_PRELOAD"] = libc_path()
    else:
        env["LD_PRELOAD"] = str(LIBRARY)
        env["HAKMEM_MODE"] = contestant
    return env


def verify(pid, contestant):
    """Ends the demo unless hakmem is mapped exactly where it was asked for."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    preloaded = str(LIBRARY) in maps
    if preloaded != (contestant != "libc"):
        sys.exit(f"demo: asked for {contestant}, but libhakmem.so is "
                 f"{'in' if preloaded else 'not in'} the process: a static or setuid program?")


def status_kib(pid, field):
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    match = re.search(rf"^{field}:\s+(\d+)", text, re.MULTILINE)
    return int(match.group(1)) if match else 0


def minor_faults(pid):
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return int(stat.rpartition(")")[2].split()[7])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(200):
        if process.poll() is not None:
            sys.exit(f"demo: redis-server ended at its start with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit("demo: redis-server did not open its port within 4 seconds")


def run_redis(contestant, folder):
    port = free_port()
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
         "--daemonize", "no", "--dir", folder, "--logfile", os.path.join(folder, "log")],
        env=environment(contestant), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        verify(server.pid, contestant)
        output = subprocess.run(
            ["redis-benchmark", "-p", str(port), "-t", "set,get,lpush", "-n", "100000",
             "-r", "100000", "-d", "256", "-P", "8", "--csv"],
            capture_output=True, text=True, check=True).stdout
        rows = [line.replace('"', "").split(",") for line in output.splitlines()]
        header = rows[0]
        data = [dict(zip(header, row)) for row in rows[1:]]
        return {
            "requests/s": statistics.harmonic_mean([float(row["rps"]) for row in data]),
            "p99 ms": max(float(row["p99_latency_ms"]) for row in data),
            "peak MiB": status_kib(server.pid, "VmHWM") / 1024,
            "final MiB": status_kib(server.pid, "VmRSS") / 1024,
            "faults": minor_faults(server.pid),
        }
    finally:
        server.terminate()
        server.wait()


def run_command(contestant, command):
    # time(1) forks from a small process: the kernel counts the parent's size before exec as the
    # child's peak, and python's would hide that of a small command.
    with tempfile.NamedTemporaryFile("r") as report:
        start = time.monotonic()
        process = subprocess.Popen(["/usr/bin/time", "-o", report.name, "-f", "%M %R"] + command,
                                   env=environment(contestant), stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        peak_kib, faults = report.read().split()[-2:]
    if process.returncode != 0:
        print(f"demo: {command[0]} ended with status {process.returncode} under {contestant}",
              file=sys.stderr)
    return {
        "wall ms": elapsed * 1000,
        "cpu ms": (usage.ru_utime + usage.ru_stime) * 1000,
        "peak MiB": int(peak_kib) / 1024,
        "faults": int(faults),
    }


def probe(command, contestant):
    """Whether the dynamic loader binds the command's malloc to the allocator asked for."""
    env = {**environment(contestant), "LD_DEBUG": "bindings"}
    found = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           text=True, errors="replace", check=False).stderr
    wanted = libc_path() if contestant == "libc" else str(LIBRARY)
    return any("symbol `malloc'" in line and f"to {wanted} [" in line
               for line in found.splitlines())


def require(command, contestant):
    if not probe(command, contestant):
        sys.exit(f"demo: {command[0]} does not take its malloc from {contestant}: a static or "
                 "setuid program, or one that never allocates. Nothing was measured.")


def print_table(title, results):
    print(f"\n{title}, median of {ROUNDS} interleaved rounds (the first, a warm-up, is dropped)\n")
    columns = list(next(iter(results.values()))[0])
    print(f"  {'':10}" + "".join(f"{column:>13}" for column in columns))
    for contestant, runs in results.items():
        cells = "".join(f"{statistics.median(run[column] for run in runs):13,.1f}"
                        for column in columns)
        print(f"  {contestant:10}{cells}")
    print("\nThe allocator in use was verified in every measured process.")


def main():
    arguments = sys.argv[1:]
    if arguments and arguments[0] in ("-h", "--help"):
        print("usage: scripts/demo [-- COMMAND ARG...]\n\nWithout a command: redis-server.")
        return
    if arguments and arguments[0] != "--":
        print(f"demo: '{arguments[0]}' is not understood; usage: scripts/demo [-- COMMAND ARG...]",
              file=sys.stderr)
        sys.exit(2)
    command = arguments[1:]
    if arguments and not command:
        print("demo: no command after --", file=sys.stderr)
        sys.exit(2)
    results = {contestant: [] for contestant in CONTESTANTS}
    if not command:
        for contestant in CONTESTANTS:
            require(["redis-server", "--version"], contestant)
        with tempfile.TemporaryDirectory() as folder:
            for round_number in range(ROUNDS + 1):
                for contestant in CONTESTANTS:
                    result = run_redis(contestant, folder)
                    if round_number > 0:
                        results[contestant].append(result)
        print_table("redis-server, driven by redis-benchmark (set, get, lpush; pipeline 8)", results)
        return
    if shutil.which(command[0]) is None:
        print(f"demo: {command[0]}: command not found", file=sys.stderr)
        sys.exit(127)
    for contestant in CONTESTANTS:
        require(command, contestant)
    for round_number in range(ROUNDS + 1):
        for contestant in CONTESTANTS:
            result = run_command(contestant, command)
            if round_number > 0:
                results[contestant].append(result)
    print_table(" ".join(command), results)


if __name__ == "__main__":
    main()
