"""docs/security.md lists the files, sockets and system calls of the library. What it is seen to do in a
program, in the modes and with all that opens more, must be in the lists, and each entry must be seen
but those that say where they are needed, in brackets."""
import os
import re
import subprocess
import sys
import tempfile

library, folder, root, compiler = os.path.realpath(sys.argv[1]), *sys.argv[2:5]
SETTINGS = [*({"HAKMEM_MODE": mode} for mode in
              ("minimal", "balanced", "research")),
            {"HAKMEM_MODE": "fast", "HAKMEM_STATS": "on", "HAKMEM_STATS_FILE": "SCRATCH/statistics"},
            {"HAKMEM_LIMIT": "64M"}, {"HAKMEM_THP": "on"}, {"HAKMEM_BACKGROUND": "uring"}]


def names_of_calls():
    """The kernel's table: names by number."""
    found = subprocess.run([compiler, "-E", "-dM", "-"], input="#include <sys/syscall.h>\n",
                           text=True, capture_output=True, check=True).stdout
    return dict(reversed(pair) for pair in
                re.findall(r"^#define __NR_(\w+) (\d+)$", found, re.MULTILINE))


def listed(heading):
    """Of the table under the heading, by entry: the phases of the second column, and whether they are
    bound to be seen, for they have no brackets."""
    with open(os.path.join(root, "docs/security.md"), encoding="utf-8") as file:
        section = file.read().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return {name: {phase: not brackets for phase, brackets in
                   re.findall(r"(\w+)( \([^)]*\))?", whose)}
            for names, whose in re.findall(r"^\| (`[^|]*) \| ([^|]*) \|", section, re.MULTILINE)
            for name in re.findall(r"`([^`]*)`", names)}


def general(path, scratch):
    """The path as the list has it."""
    path = path.replace(scratch, "HAKMEM_STATS_FILE").replace("FILE/statistics", "FILE")
    path = re.sub(r"^/sys/fs/cgroup/.*?([^/]*)$", r"/sys/fs/cgroup/…/\1", path)
    path = re.sub(r"/…/(?!memory\.|cgroup\.).*", "/…", path)
    return re.sub(r"hugepages-\d+kB", "hugepages-2048kB", path)


def observe(settings, scratch):
    """Lines of phase, number, path."""
    settings = {name: value.replace("SCRATCH", scratch) for name, value in settings.items()}
    run = subprocess.run([os.path.join(folder, "observed"), library,
                          os.path.join(folder, "observable")],
                         capture_output=True, text=True, check=False, env=settings)
    if run.returncode == 77:
        print("no ptrace, or a kernel before Linux 5.3")
        sys.exit(77)
    if run.returncode != 0:
        print(f"{settings}: status {run.returncode}, {run.stderr}")
        sys.exit(1)
    return [line.split(" ", 2) for line in run.stdout.splitlines()]


def complaints():
    names, tables = names_of_calls(), {"calls": listed("System calls"), "files": listed("Files")}
    seen = set()
    with tempfile.TemporaryDirectory() as scratch:
        for settings in SETTINGS:
            for phase, number, path in observe(settings, scratch):
                seen.add(("calls", names.get(number, number), phase))
                if path:
                    seen.add(("files", general(path, scratch), phase))
    for table, entry, phase in sorted(seen):
        if phase not in tables[table].get(entry, {}):
            yield f"{entry}, {phase}: not in the list of {table}"
    for table, entries in tables.items():
        for entry, phases in entries.items():
            for phase, bound in phases.items():
                if bound and (table, entry, phase) not in seen:
                    yield f"{entry}, {phase}: in the list of {table}, but not seen"


found = list(complaints())
print("\n".join(found))
sys.exit(1 if found else 0)
