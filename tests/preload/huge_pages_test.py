"""Contents and promotion under the system's setting for huge pages; with "every", under each of the
settings, which needs root. The old one is put back whatever happens to this script."""
import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from checks import check, finish  # noqa: E402

library, folder = sys.argv[1:3]
every_setting = "every" in sys.argv[3:]
SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")
OF_SIZE = SWITCH.parent / "hugepages-2048kB/enabled"
PR_SET_THP_DISABLE = 41
NONE = "in use    thp             none"


def chosen(file):
    return re.search(r"\[(.*)\]", file.read_text(encoding="ascii")).group(1)


def restore_at_the_end(value):
    """A process of its own, which this script's end wakes, be it by SIGKILL."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            os.close(writing)
            os.read(reading, 1)
            SWITCH.write_text(value, encoding="ascii")
        os._exit(0)
    os.wait()
    os.close(reading)
    return writing


def run(command, before=None, **variables):
    environment = {"LD_PRELOAD": library, "HAKMEM_VERBOSE": "1", **variables}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False,
                          timeout=120, preexec_fn=before)


def churn(name, before=None, **variables):
    result = run([os.path.join(folder, "huge_page_churn")], before, **variables)
    text = result.stdout + result.stderr
    check(f"{name}: contents", result.returncode == 0, text)
    found = {key: int(value) for key, value in re.findall(r"^ *(\w+) +(\d+)", text, re.MULTILINE)}
    return found, text


def check_without(name, thp, before=None):
    found, text = churn(name, before, HAKMEM_THP=thp)
    check(f"{name}: nothing is promoted", found["promoted_bytes"] == 0, text)
    check(f"{name}: small pages only", found["huge_kilobytes"] == 0, text)
    check(f"{name}: says so", NONE in text, text)


def check_with(name, thp):
    found, text = churn(name, HAKMEM_THP=thp)
    check(f"{name}: promotes", found["promoted_bytes"] > 0, text)
    check(f"{name}: says so", NONE not in text and "in use    thp " in text, text)
    huge = found["huge_kilobytes"] * 1024
    check(f"{name}: huge pages", huge > 0 or not found["to_be_had"], text)
    # Purging goes on between the two readings.
    if "thp" in found:
        check(f"{name}: coverage", abs(found["thp"] - huge) <= huge / 4, text)


def check_collapse(name):
    """HAKMEM_THP=auto promotes from 64 MiB on: what grew before comes to huge pages later."""
    result = run([os.path.join(folder, "huge_page_collapse")], HAKMEM_BACKGROUND="thread",
                 HAKMEM_STATS="1")
    text = result.stdout + result.stderr
    check(f"{name}: contents through a collapse", result.returncode == 0, text)
    collapsed = int(re.search(r"^ *collapsed_bytes +(\d+)", text, re.MULTILINE).group(1))
    # The kernel may have no huge pages, or no MADV_COLLAPSE (Linux 6.1).
    check(f"{name}: what collapsed is on huge pages",
          (collapsed > 0) == ("collapsed_kilobytes 0" not in text), text)
    print(f"{name}: {collapsed >> 20} MiB collapsed")


def check_small_process(name):
    code = """
import re
made = [str(number) for number in range(20000)]
print(re.search(r"AnonHugePages: +(\\d+)", open("/proc/self/smaps_rollup").read()).group(1))"""
    for thp in ("off", "auto"):
        # Python's own arenas are mappings of its own.
        result = run([sys.executable, "-S", "-c", code], HAKMEM_THP=thp, PYTHONMALLOC="malloc")
        check(f"{name}, {thp}: small pages in a small process", result.stdout.strip() == "0",
              result.stdout + result.stderr)


def check_setting(setting):
    check_small_process(setting)
    for thp in ("off", "auto", "on"):
        name = f"{setting}, {thp}"
        if setting == "never" or thp == "off":
            check_without(name, thp)
        else:
            check_with(name, thp)


def switch_off():
    ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


def effective_setting():
    of_size = chosen(OF_SIZE) if OF_SIZE.exists() else "inherit"
    return chosen(SWITCH) if of_size == "inherit" else of_size


def skip(reason):
    print(reason)
    sys.exit(77)


if not SWITCH.exists():
    skip("this kernel has no transparent huge pages")
if not every_setting:
    check_setting(effective_setting())
    if effective_setting() != "never":
        check_collapse(effective_setting())
    check_without("switched off for the process", "on", switch_off)
    finish()
if not os.access(SWITCH, os.W_OK):
    skip(f"no right to write {SWITCH}")
if OF_SIZE.exists() and chosen(OF_SIZE) != "inherit":
    skip(f"{OF_SIZE} overrules what the test would change")
before = chosen(SWITCH)
guard = restore_at_the_end(before)
try:
    for setting in ("never", "madvise", "always"):
        SWITCH.write_text(setting, encoding="ascii")
        check_setting(setting)
finally:
    SWITCH.write_text(before, encoding="ascii")
finish()
