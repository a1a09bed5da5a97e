"""Processes that lack what one usually has: /proc, /sys, descriptors, a private namespace of libc.

The chroot and namespace cases need root; they are skipped with a word where it is not there.
"""
import os
import resource
import subprocess
import sys

library, folder = sys.argv[1:3]
failures = []


def run(name, command, env=None, **options):
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120,
                            env={"LD_PRELOAD": library, **(env or {})}, **options)
    if result.returncode != 0:
        failures.append(name)
        print(f"{name}: status {result.returncode}: {result.stderr[-500:]}")
    else:
        print(f"{name}: passed")


semantics = os.path.join(folder, "semantics")
run("LD_AUDIT", [os.path.join(folder, "audit")],
    {"LD_AUDIT": os.path.join(folder, "libaudit_module.so")})
run("all descriptors closed", ["sh", "-c", f"exec {folder}/audit 0<&- 1>&- 2>&-"])


def no_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))


run("four descriptors", [os.path.join(folder, "audit")], preexec_fn=no_descriptors)
if os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False,
                                        capture_output=True).returncode == 0:
    hide = "mount -t tmpfs none /proc && mount -t tmpfs none /sys && exec "
    run("no /proc, no /sys", ["unshare", "-m", "sh", "-c", hide + os.path.join(folder, "audit")])
else:
    print("no /proc, no /sys: skipped, needs root")
# A program that links another allocator: ours comes first in the search order.
for peer in ("libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"):
    run(f"beside {peer}", [semantics], {"LD_PRELOAD": f"{library}:{peer}"})
sys.exit(1 if failures else 0)
