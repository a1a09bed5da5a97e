"""Each mistake must end the process by abort, with a message that names function and pointer; under
the checks (HAKMEM_CHECKS) with the call sites too. What hits a guard page ends by SIGSEGV."""
import os
import re
import signal
import subprocess
import sys

CASES = {
    "double-at-once": "free", "double-another-between": "free", "double-late": "free",
    "double-medium": "free", "double-large": "free", "double-huge": "free",
    "double-other-thread": "free", "double-both-in-other-thread": "free",
    "free-stack": "free", "free-static": "free", "free-interior-medium": "free",
    "free-interior-large": "free", "free-misaligned": "free", "free-unmapped": "free",
    "free-non-canonical": "free", "free-small-number": "free", "free-never-allocated": "free",
    "list-damaged": "malloc", "list-damaged-forged": "malloc",
    "list-damaged-unmapped": "malloc", "freed-block-overwritten": "malloc",
    "realloc-freed": "realloc", "usable-size-freed": "malloc_usable_size",
    "realloc-interior-small": "realloc",
}
# The same in every mode, without call sites.
ARENAS = {
    "arena-free-after-reset": "hakmem_arena_free", "arena-plain-free-after-reset": "free",
    "arena-large-free-after-reset": "hakmem_arena_free", "arena-free-twice": "hakmem_arena_free",
    "arena-free-into-other": "hakmem_arena_free", "arena-free-of-malloc": "hakmem_arena_free",
    "arena-free-after-destroy": "hakmem_arena_free", "arena-plain-free-after-destroy": "free",
    "arena-allocate-after-destroy": "hakmem_arena_allocate",
    "arena-reset-after-destroy": "hakmem_arena_reset",
    "arena-destroy-twice": "hakmem_arena_destroy",
    "arena-destroy-of-the-next": "hakmem_arena_destroy",
    "arena-null": "hakmem_arena_allocate", "arena-null-reset": "hakmem_arena_reset",
    "arena-null-free": "hakmem_arena_free", "arena-garbage": "hakmem_arena_allocate",
    "arena-garbage-free": "hakmem_arena_free", "arena-garbage-destroy": "hakmem_arena_destroy",
}
# Under the checks: the function that finds it. The sites that follow from the case: where the block
# was allocated, but for pointers to none, and where it was freed.
WATCHED = {
    **CASES, "list-damaged": "exit", "list-damaged-forged": "exit",
    "list-damaged-unmapped": "exit", "freed-block-overwritten": "exit",
    "overflow": "free", "overflow-zeroed": "free", "overflow-aligned": "free",
    "overflow-medium": "free", "overflow-reallocated": "free",
    "overflow-before-realloc": "realloc", "overflow-before-usable-size": "malloc_usable_size",
    "overflow-kept": "exit", "overflow-large": "access", "overflow-large-odd": "free",
    "overflow-large-aligned": "free", "underflow": "free", "underflow-large": "free",
    "underflow-word": "free", "underflow-aligned": "free", "underflow-kept": "exit",
    "underflow-before-realloc": "realloc", "write-before-freed": "exit",
    "double-after-write-before": "free", "double-long-ago": "free",
    "write-after-free": "exit", "write-after-free-and-reuse": "free",
    "write-after-free-medium": "exit", "write-after-free-large": "access",
    "write-after-realloc": "exit", "double-after-1000": "free", "free-interior-small": "free",
    "free-interior-huge": "free", "free-before-start": "free", "wrong-size": "free_sized",
    "wrong-size-delete": "operator delete",
}
NO_BLOCK = {"free-stack", "free-static", "free-unmapped", "free-non-canonical",
            "free-small-number", "free-never-allocated"}
FREED = re.compile("double|freed|after-free|after-realloc|list-damaged")
# Where there are no guard pages.
UNGUARDED = {"overflow-large": "free", "write-after-free-large": "exit"}

library, folder = sys.argv[1:3]
made = failed = 0


def stopped(stderr, function):
    message = rf"^hakmem: {function}\(\): .* 0x[0-9a-f]+$"
    return re.search(message, stderr, re.MULTILINE) is not None


def names_site(stderr, what):
    return re.search(rf"^hakmem:   {what} at 0x[0-9a-f]+ .*/misuse\+0x[0-9a-f]+\)$", stderr,
                     re.MULTILINE) is not None


def attempt(case, settings, *further):
    return subprocess.run([os.path.join(folder, "misuse"), case, *further], capture_output=True,
                          text=True, env={"LD_PRELOAD": library, **settings}, check=False)


def judge(case, settings, run, good):
    global made, failed
    made += 1
    if not good:
        failed += 1
        print(f"{settings} {case}: status {run.returncode}, stderr: {run.stderr!r}")


for mode in ("minimal", "fast", "balanced", "research"):
    cases = {**CASES, **ARENAS} if mode in ("fast", "balanced") else ARENAS
    for case, function in cases.items():
        run = attempt(case, {"HAKMEM_MODE": mode})
        judge(case, mode, run, run.returncode == -signal.SIGABRT and stopped(run.stderr, function))


def guards_exist():
    """Whether this kernel has them, by the message of an access."""
    run = attempt("write-after-free-large", {"HAKMEM_CHECKS": "on"})
    return run.returncode == -signal.SIGSEGV


def watch(settings, *further, guards=True):
    for case, function in WATCHED.items():
        if not guards:
            function = UNGUARDED.get(case, function)
        run = attempt(case, settings, *further)
        end = signal.SIGSEGV if function == "access" else signal.SIGABRT
        good = run.returncode == -end and stopped(run.stderr, function)
        if case not in NO_BLOCK:
            good = good and names_site(run.stderr, "allocated")
        if FREED.search(case):
            good = good and names_site(run.stderr, "freed")
        judge(case, settings, run, good)


watch({"HAKMEM_MODE": "research"}, guards=guards_exist())
watch({"HAKMEM_CHECKS": "on"}, "unguarded", guards=False)
print(f"{made - failed} of {made} stopped")
sys.exit(1 if failed else 0)
