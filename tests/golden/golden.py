"""Compares what the build produced with the golden files; --update writes them.

symbols       the dynamic symbols that libhakmem.so exports
needed        the libraries that it needs
instructions  the instruction mix of malloc's and free's fast paths
includes      who includes whom among the folders of src (DESIGN: layers)
calls         the system calls of the folders whose code runs on a program's thread
"""
import collections
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MAY_INCLUDE = {
    "base": {"base"},
    "telemetry": {"telemetry", "base"},
    "policy": {"policy", "telemetry", "base"},
    "backend": {"backend", "base", "policy/knobs.h", "telemetry/counters.h"},
    "heap": {"heap", "backend/backend.h", "base", "policy/knobs.h", "telemetry/counters.h",
             "telemetry/counters.def"},
    "cli": {"cli", "settings/tables.h", "settings/nearest_variable.h", "base/environment.h"},
    "settings": {"settings", "base"},
    "control": {"control", "heap", "backend", "policy", "settings", "telemetry", "base"},
    "frontend": {"frontend", "control", "heap", "backend", "policy", "settings", "telemetry", "base",
                 "hakmem/hakmem.h"},
}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def symbols(library):
    lines = output("nm", "-D", "--defined-only", library).splitlines()
    return "".join(sorted(line.split()[-1] + "\n" for line in lines))


def needed(library):
    found = re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d", library))
    return "".join(sorted(name + "\n" for name in found))


def fast_path(library, function):
    """The instructions that the fast path executes: from the entry, branches not taken, to ret."""
    text = output("gdb", "-batch", "-ex", f"disassemble {function}", library)
    mix = collections.Counter()
    for line in text.splitlines():
        match = re.match(r"\s+0x[0-9a-f]+ <\+\d+>:\s+(\w+)", line)
        if match is None:
            continue
        mix[match.group(1)] += 1
        if match.group(1) == "ret":
            break
    return mix


def instructions(library):
    parts = []
    for function in ("malloc", "free"):
        mix = fast_path(library, function)
        parts.append(f"{function}: {sum(mix.values())}\n")
        parts += [f"  {name} {count}\n" for name, count in sorted(mix.items())]
    return "".join(parts)


def includes(_):
    wrong = []
    for file in sorted((ROOT / "src").rglob("*")):
        if file.suffix not in (".h", ".cc", ".def"):
            continue
        layer = file.relative_to(ROOT / "src").parts[0]
        for included in re.findall(r'#include "([^"]+)"', file.read_text(encoding="utf-8")):
            allowed = MAY_INCLUDE[layer]
            if included not in allowed and included.split("/")[0] not in allowed:
                wrong.append(f"{file.relative_to(ROOT)} includes {included}\n")
    return "".join(wrong)


# What libc's malloc calls, and the program would have to allow in any case.
OF_MALLOC = {"mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "futex", "clock_gettime", "write"}


def calls(_):
    wrong = []
    for folder in ("base", "heap", "policy", "telemetry", "backend/linux/memory"):
        for file in sorted((ROOT / "src" / folder).rglob("*.cc")):
            names = set(re.findall(r"SYS_(\w+)", file.read_text(encoding="utf-8")))
            if file.name == "environment.cc":
                names.discard("readlinkat")  # at start-up
            wrong += [f"{file.relative_to(ROOT)} calls {name}\n" for name in sorted(names - OF_MALLOC)]
    return "".join(wrong)


def main():
    check, library = sys.argv[1:3]
    found = {"symbols": symbols, "needed": needed, "instructions": instructions,
             "includes": includes, "calls": calls}[check](library)
    golden = HERE / f"{check}.txt"
    if "--update" in sys.argv:
        golden.write_text(found, encoding="utf-8")
        return
    expected = golden.read_text(encoding="utf-8") if golden.exists() else ""
    if found != expected:
        print(f"{check} differs from tests/golden/{check}.txt\n--- expected\n{expected}--- found\n"
              f"{found}")
        sys.exit(1)


main()
