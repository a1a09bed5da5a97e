"""Memory limits of every kind: ENOMEM, and recovery after frees.

Not exercised where it cannot be set up: overcommit_memory=2 and max_map_count need the right to
write sysctls (they are restored), mlockall needs RLIMIT_MEMLOCK, a cgroup the right to make one.
"""
import os
import resource
import subprocess
import sys
from pathlib import Path

library, folder = sys.argv[1:3]
program = os.path.join(folder, "exhaustion")
failures = []


def run(case, mode="balanced", label=None, limit=None, cgroup=None):
    def under_limit():
        if cgroup is not None:
            (cgroup / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    result = subprocess.run([program, case], capture_output=True, text=True, check=False,
                            env={"LD_PRELOAD": library, "HAKMEM_MODE": mode}, timeout=250, preexec_fn=under_limit)
    name = label or f"{case} in {mode}"
    if result.returncode == 77:
        print(f"{name}: skipped, not permitted here")
    elif result.returncode != 0:
        failures.append(name)
        print(f"{name}: status {result.returncode}: {result.stderr.strip()}")
    else:
        print(f"{name}: passed")


def with_sysctl(path, value, action):
    file = Path(path)
    before = file.read_text(encoding="ascii").strip()
    try:
        file.write_text(value, encoding="ascii")
    except OSError:
        print(f"{path}: skipped, not writable here")
        return
    try:
        action()
    finally:
        file.write_text(before, encoding="ascii")


def in_cgroup(limit, action):
    """Runs `action` with a new memory cgroup, version 2 or 1, that is limited to `limit` bytes."""
    for parent, setting in (("/sys/fs/cgroup", "memory.max"),
                            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
        group = Path(parent) / f"hakmem-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if not (group / setting).exists():  # not a cgroup, or without the memory controller
            group.rmdir()
            continue
        (group / setting).write_text(str(limit), encoding="ascii")
        try:
            action(group)
        finally:
            group.rmdir()
        return
    print("memory cgroup: skipped, cannot be made here")


for mode in ("fast", "balanced"):
    run("address-space", mode)
    run("address-space-tight", mode)
    run("data", mode)
run("lowered-address-space")
run("lowered-data")
run("caller", label="ulimit -v 300 MiB", limit=300 << 20)
run("caller", label="ulimit -v 100 MiB", limit=100 << 20)
run("mlockall")
in_cgroup(128 << 20, lambda group: run("cgroup", label="64 MiB live in a cgroup of 128 MiB",
                                       cgroup=group))
in_cgroup(150 * 1000 * 1000, lambda group: run("churn", label="120 MB churned by four threads in a cgroup of "
                                               "150 MB", cgroup=group))
with_sysctl("/proc/sys/vm/max_map_count", "200",
            lambda: run("address-space", label="address space under max_map_count=200"))
with_sysctl("/proc/sys/vm/overcommit_memory", "2",
            lambda: run("strict-overcommit", label="overcommit_memory=2"))
sys.exit(1 if failures else 0)
