"""Who is compared: libc's malloc, hakmem, and the peers that the machine has, all as they come."""
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"
HAKMEM = BUILD / "libhakmem.so"
SONAMES = {"libc": "libc.so.6", "jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2"}
# What would change a peer's settings, or ours.
OPTIONS = ("HAKMEM_", "MALLOC_", "MIMALLOC_", "_RJEM_", "GLIBC_TUNABLES", "LD_PRELOAD")


def _installed():
    """Libraries by soname, as the loader's cache has them."""
    lines = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    pairs = (line.strip().split(" ", 1) + line.split(" => ") for line in lines if " => " in line)
    found = {}
    for name, *_, path in pairs:
        found.setdefault(name, path)
    return found


def contestants():
    """Library by name; who is missing is said."""
    installed = _installed()
    found = {}
    for name, soname in SONAMES.items():
        if soname in installed:
            found[name] = Path(installed[soname])
        else:
            print(f"{name} is left out: {soname} is not installed on this machine")
    return {**found, "hakmem": HAKMEM}


def environment(library):
    """With libc in front too: some programs link another allocator (Debian's redis-server does)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OPTIONS)}
    return {**kept, "LD_PRELOAD": str(library)}


def binds_malloc(command, library):
    """Whether the dynamic loader takes the command's malloc from the library: a preload that cannot
    be opened is ignored, with exit status 0."""
    found = subprocess.run(command, env={**environment(library), "LD_DEBUG": "bindings"},
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, text=True, errors="replace", check=False).stderr
    return any("symbol `malloc'" in line and f"to {library} [" in line
               for line in found.splitlines())


def require(command, name, library):
    if not binds_malloc(command, library):
        sys.exit(f"demo: {command[0]} does not take its malloc from {name}: a static or setuid "
                 "program, or one that never allocates. Nothing was measured.")


def status_mib(pid, field):
    """A size of /proc/PID/status (proc_pid_status(5)), in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0.0
