#!/usr/bin/env python3
"""Runs tests/preload/background.c in every way that memory goes back: background_test.py LIBRARY FOLDER."""
import errno
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

LIBRARY, PROGRAM = sys.argv[1], os.path.join(sys.argv[2], "background")
WAYS = {"thread": {"HAKMEM_BACKGROUND": "thread"}, "auto": {},
        "uring": {"HAKMEM_BACKGROUND": "uring"}}
RUNGS = ("process_madvise", "madvise", "uring")
failures = []


def run(arguments, settings):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HAKMEM_")}
    environment |= {"LD_PRELOAD": LIBRARY, **settings}
    return subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, text=True,
                          timeout=120)


def check(name, done, accepted=(0,)):
    good = done.returncode in accepted
    print(f"{name}: {'passed' if good else 'FAILED'} {done.stdout.strip()}", flush=True)
    if not good:
        failures.append(name)
        print(done.stderr, flush=True)


def in_use(settings, what):
    """What the configuration print says is in use."""
    done = run(["unshare"], settings | {"HAKMEM_VERBOSE": "1"})
    lines = [line.split() for line in done.stderr.splitlines()]
    return next((line[-1] for line in lines if line[:3] == ["in", "use", what]), "")


ways = dict(WAYS)
if run(["ring"], {}).returncode != 0 or in_use(WAYS["uring"], "purge") != "uring":
    print("uring: skipped, io_uring is not to be had here")
    del ways["uring"]

# All sleeps at once: they take seconds and no time of a processor.
sleeping = []
for way, settings in ways.items():
    if way == "auto":
        continue
    for call in ("epoll_wait", "poll", "nanosleep", "read", "futex"):
        environment = {**os.environ, "LD_PRELOAD": LIBRARY, **settings}
        process = subprocess.Popen([PROGRAM, "idle", call], env=environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        sleeping.append((f"idle {call}, {way}", process))
    process = subprocess.Popen([PROGRAM, "daemon"], env=environment, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    sleeping.append((f"idle daemon, {way}", process))
    for name, process in sleeping[-6:]:
        out, error = process.communicate(timeout=120)
        check(name, subprocess.CompletedProcess([], process.returncode, out, error))


def all_of(cases):
    """Four at a time: these wait more than they work. (name, arguments, settings) each."""
    with ThreadPoolExecutor(4) as pool:
        done = pool.map(lambda case: run(case[1], case[2]), cases)
        for (name, _, _), result in zip(cases, done):
            check(name, result)


cases = []
for way, settings in ways.items():
    cases.append((f"child fork, {way}", ["child", "fork"], settings))
    if way == "auto":
        continue
    cases += [(f"child {kind}, {way}", ["child", kind], settings) for kind in ("_Fork", "clone")]
    cases += [(f"{what}, {way}", [what], settings) for what in ("descriptors", "awake")]
for rung in RUNGS:
    settings = {"HAKMEM_PURGE": rung}
    cases.append((f"under a filter, purge by {rung}", ["killed"], settings))
    cases.append((f"purge by {rung}", ["churn"], settings))
    for error in (errno.EPERM, errno.ENOSYS, errno.EINVAL):
        # Nothing: madvise is refused as well, which does not depend on where the ladder starts.
        what = "nothing" if rung == "madvise" else "churn"
        cases.append((f"{what} of purging by {rung}, refused with {errno.errorcode[error]}",
                      ["refuse", str(error), what], settings | {"HAKMEM_BACKGROUND": "uring"}))
cases.append(("purge off", ["churn"], {"HAKMEM_PURGE": "off"}))
all_of(cases)
if "uring" in ways:
    for how in ("filter", "thread", "process"):
        check(f"no ring for who gives up rights: {how}", run(["confined", how], ways["uring"]),
              accepted=(0, 77))
check("a program of one thread enters a namespace", run(["unshare"], {}), accepted=(0, 77))
for way, settings in ways.items():
    limit = 128 << 20
    check(f"limit, {way}", run(["limit"], settings | {"HAKMEM_LIMIT": str(limit),
                                                      "TEST_LIMIT": str(limit)}))


def price_near_limit(settings):
    """What memory costs at the end of a program that lives at nine tenths of its limit."""
    done = run(["limit"], {"HAKMEM_LIMIT": str(limit * 9 // 10), "TEST_LIMIT": str(limit),
                           "HAKMEM_STATS": "json", **settings})
    return json.loads(done.stderr)["statistics"]["memory_price"]


usual = price_near_limit({"HAKMEM_PRESSURE": "off"})
dear = price_near_limit({})
print(f"price of memory near the limit: {dear}, where pressure is off: {usual}", flush=True)
if dear < 4 * usual:
    failures.append("price near the limit")


def limited_group(limit):
    """A new cgroup with that limit and the file to enter it by; None where none can be made."""
    for parent, file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                         ("/sys/fs/cgroup", "memory.max")):
        group = f"{parent}/hakmem-test-{os.getpid()}"
        try:
            os.mkdir(group)
        except OSError:
            continue
        try:
            with open(f"{group}/{file}", "w", encoding="ascii") as limits:
                limits.write(str(limit))
            return group
        except OSError:
            os.rmdir(group)
    return None


# At 1.25 of what lives, and with room for the program itself, the kernel would kill who keeps more.
for limit in (128 << 20, 24 << 20):
    group = limited_group(limit + (4 << 20))
    if group is None:
        print("limit of a cgroup: skipped, no group can be made here")
        break

    def enter():
        with open(f"{group}/cgroup.procs", "w", encoding="ascii") as members:
            members.write(str(os.getpid()))

    try:
        for way, settings in ways.items():
            environment = {**os.environ, "LD_PRELOAD": LIBRARY, "TEST_LIMIT": str(limit), **settings}
            check(f"limit of a cgroup, {limit >> 20} MiB, {way}", subprocess.run(
                [PROGRAM, "limit"], env=environment, preexec_fn=enter, capture_output=True, text=True,
                timeout=120, check=False))
    finally:
        os.rmdir(group)
sys.exit(1 if failures else 0)
