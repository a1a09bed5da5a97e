"""Modes, overrides, legacy variables, the process filter, bad values; and what is off is off."""
import os
import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from checks import check, finish  # noqa: E402

library, folder = sys.argv[1:3]


def run(program="life", variables=None, arguments=(), preload=library):
    env = {**(variables or {})}
    if preload:
        env["LD_PRELOAD"] = preload
    result = subprocess.run([os.path.join(folder, program), *arguments], capture_output=True,
                            text=True, env=env, check=False, timeout=60)
    return result.returncode, result.stderr


def table(variables, program="compiled_in"):
    """feature -> (value, source) as HAKMEM_VERBOSE=1 prints it."""
    _, text = run(program, {"HAKMEM_VERBOSE": "1", **variables})
    mode = re.search(r"mode (\w+) \(([\w ]+)\)", text)
    rows = {"mode": mode.groups() if mode else None}
    for line in text.splitlines():
        fields = re.match(r"  (alloc|cache|learning|memory|debug)\s+(\w+)\s+(\w+)\s+"
                          r"(?:(default|mode|compiled in|environment|legacy variable)|"
                          r"not in this version; asked for: (\w+) \(([\w ]+)\))", line)
        if fields:
            _, name, value, source, asked, asked_source = fields.groups()
            rows[name] = (asked, asked_source) if asked else (value, source)
    return rows, text


FEATURES = ["pool", "mmap", "bigcache", "elo", "evolution", "perf", "thp", "batch", "numa",
            "pressure", "statistics", "log", "checks"]
VARIABLES = {"statistics": "HAKMEM_STATS"}

# Without the program's own defaults: another program.
rows, text = table({}, "audit")
check("balanced is the default", rows["mode"] == ("balanced", "default"), text)
check("every feature is printed", all(name in rows for name in FEATURES), text)

for mode in ("minimal", "fast", "balanced", "learning", "research"):
    rows, text = table({"HAKMEM_MODE": mode}, "audit")
    check(f"mode {mode}", rows["mode"] == (mode, "environment"), text)
    check(f"{mode} pool", rows["pool"] == ("off" if mode == "minimal" else "on", "mode"), text)
    says_so = f"{mode} runs as balanced\n" in text
    check(f"{mode} says what it does not do", says_so == (mode in ("learning", "research")), text)

for feature in FEATURES:
    variable = VARIABLES.get(feature, "HAKMEM_" + feature.upper())
    rows, text = table({variable: "off", "HAKMEM_MODE": "research"}, "audit")
    check(f"{variable}=off", rows[feature] == ("off", "environment"), text)
    code, text = run("audit", {variable: "sideways"})
    lines = [line for line in text.splitlines() if variable in line]
    check(f"bad {variable}", code == 0 and len(lines) == 1 and "sideways" in lines[0]
          and "off|" in lines[0] and "using" in lines[0], text)

# Named with the nearest right one; what resembles none may be somebody else's.
for wrong, right in (("HAKMEM_BIGCAHCE", "HAKMEM_BIGCACHE"), ("HAKMEM_THPS", "HAKMEM_THP"),
                     ("HAKMEM_LARGE_TRESHOLD", "HAKMEM_LARGE_THRESHOLD"), ("HAKMEM_MOD", "HAKMEM_MODE"),
                     ("HAKMEM_MEMORYPRICE", "HAKMEM_MEMORY_PRICE")):
    code, text = run("audit", {wrong: "off"})
    check(f"{wrong} is {right}", code == 0 and text.count("\n") == 1 and f"{wrong} " in text
          and f"{right} " in text, text)
for other in ("HAKMEM_HOME", "HAKMEM_", "HAKMEM_BUILD_DIRECTORY_OF_SOMEBODY_ELSE_ALTOGETHER", "HAKMEMORY"):
    code, text = run("audit", {other: "off"})
    check(f"{other} is not ours", code == 0 and text == "", text)

for variable, value in (("HAKMEM_ELO", "learn"), ("HAKMEM_NUMA", "on"), ("HAKMEM_LOG", "on"),
                        ("HAKMEM_EVO_POLICY", "learn")):
    code, text = run("audit", {variable: value})
    check(f"{variable}={value} says that it does nothing", code == 0 and text.count("\n") == 1
          and f"{variable}={value} does nothing" in text, text)
    code, text = run("audit", {"HAKMEM_NUMA": "off"})
    check("what is off is off", code == 0 and text == "", text)

machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
for value, limit in (("1T", 1 << 40), ("2GiB", 2 << 30), ("1500m", 1500 << 20),
                     ("50%", machine // 100 * 50)):
    _, text = run("audit", {"HAKMEM_LIMIT": value, "HAKMEM_VERBOSE": "1"})
    check(f"limit {value}", re.search(rf"option +limit +{limit} bytes +environment ", text), text)
for variable, value, unit in (("HAKMEM_LARGE_THRESHOLD", "4M", " bytes"), ("HAKMEM_MEMORY_PRICE", "7", " ns"),
                              ("HAKMEM_PURGE", "madvise", ""), ("HAKMEM_DEEPBIND", "strip", ""),
                              ("HAKMEM_STATS_FILE", "/dev/null", ""), ("HAKMEM_FREE_POLICY", "keep", "")):
    shown = "4194304" if value == "4M" else value
    name = variable.removeprefix("HAKMEM_").lower()
    _, text = run("audit", {variable: value, "HAKMEM_VERBOSE": "1"})
    check(f"{name} is listed", re.search(rf"option +{name} +{shown}{unit} +environment ", text), text)
    _, text = run("audit", {"HAKMEM_VERBOSE": "1"})
    check(f"{name} is listed unset", re.search(rf"option +{name} +\S+{unit} +default ", text), text)

for variable, value in (("HAKMEM_MODE", "turbo"), ("HAKMEM_VERBOSE", "perhaps"),
                        ("HAKMEM_LIMIT", "120%"), ("HAKMEM_LIMIT", "5X"), ("HAKMEM_LARGE_THRESHOLD", "-3"), ("HAKMEM_LARGE_THRESHOLD", "1K"),
                        ("HAKMEM_FREE_POLICY", "never"), ("HAKMEM_DEEPBIND", "on"),
                        ("HAKMEM_EVO_POLICY", "x"),
                        ("HAKMEM_DISABLE_ELO", "maybe")):
    code, text = run("audit", {variable: value})
    check(f"bad {variable}={value}", code == 0 and text.count("\n") == 1 and variable in text
          and value in text and "using" in text, text)

for variable, value, feature, expected in (
        ("HAKMEM_DISABLE_BIGCACHE", "1", "bigcache", "off"),
        ("HAKMEM_DISABLE_ELO", "1", "elo", "off"),
        ("HAKMEM_DISABLE_BATCH", "1", "batch", "off"),
        ("HAKMEM_EVO_POLICY", "learn", "elo", "learn"),
        ("HAKMEM_EVO_POLICY", "frozen", "elo", "frozen")):
    rows, text = table({variable: value}, "audit")
    check(f"legacy {variable}", rows[feature] == (expected, "legacy variable"), text)
rows, text = table({"HAKMEM_DISABLE_BIGCACHE": "1", "HAKMEM_BIGCACHE": "on"}, "audit")
check("an override wins over a legacy variable", rows["bigcache"] == ("on", "environment"), text)
for policy in ("batch", "keep", "adaptive"):
    _, text = run("audit", {"HAKMEM_FREE_POLICY": policy, "HAKMEM_VERBOSE": "1"})
    check(f"free policy {policy}", re.search(rf"free_policy\s+{policy}", text), text)

for mode, watched in (("minimal", False), ("balanced", True)):
    _, text = table({"HAKMEM_MODE": mode, "HAKMEM_LIMIT": "1G"}, "audit")
    check(f"{mode} says whether it watches the limit",
          watched == ("not watched: pressure is off" not in text), text)

rows, text = table({})
check("compiled in", rows["mode"] == ("fast", "compiled in")
      and rows["bigcache"] == ("off", "compiled in"), text)
check("compiled in option", "4194304" in text, text)
check("compiled in, unknown", "nonsense" in text, text)
rows, text = table({"HAKMEM_MODE": "balanced", "HAKMEM_BIGCACHE": "on"})
check("the environment wins", rows["mode"] == ("balanced", "environment")
      and rows["bigcache"] == ("on", "environment"), text)

rows, text = table({"HAKMEM_ONLY": "other,audit"}, "audit")
check("filter, named", rows["mode"][0] == "balanced", text)
rows, text = table({"HAKMEM_ONLY": "other,audi"}, "audit")
check("filter, not named", rows["mode"][0] == "minimal", text)


def counters(variables):
    """The statistics at exit of a program that uses every path."""
    _, text = run("life", {"HAKMEM_STATS": "on", **variables})
    return {name: int(value) for name, value in re.findall(r"^  (\w+) +(\d+) ", text, re.MULTILINE)}


# What is off does not run, its initialisation included.
off = counters({"HAKMEM_MODE": "minimal"})
check("minimal: no heap", off["heaps_created"] == off["regions_reserved"] == off["slabs_created"]
      == off["metadata"] == off["mapped"] == 0, off)
check("minimal: direct maps", off["direct_maps"] > 0, off)
off = counters({"HAKMEM_MODE": "minimal", "HAKMEM_MMAP": "off"})
check("mmap off", off["direct_maps"] == 0, off)
on = counters({})
check("balanced: heap", on["heaps_created"] > 0 and on["direct_maps"] == 0, on)
check("bigcache on", on["extent_cache_hits"] > 0, on)
off = counters({"HAKMEM_BIGCACHE": "off"})
check("bigcache off", off["extent_cache_hits"] == 0 and off["retained"] == 0
      and off["purged_bytes"] > 0, off)
for value in ("off", "auto"):
    off = counters({"HAKMEM_THP": value})
    check(f"thp {value}: a small process has small pages", off["promoted_bytes"] == 0, off)
on = counters({"HAKMEM_THP": "on"})
check("thp on: slabs and extents on huge pages", 0 < on["promoted_bytes"] <= on["committed_bytes"], on)
batched = counters({"HAKMEM_BATCH": "on"})
single = counters({"HAKMEM_BATCH": "off"})
check("batch off: one huge page at a time", single["purges"] > 2 * batched["purges"],
      (batched, single))
on = counters({"HAKMEM_MMAP": "on"})
check("mmap on in balanced", on["direct_maps"] > 0 and on["heaps_created"] > 0, on)
for mode in ("minimal", "fast", "balanced", "learning", "research"):
    _, text = run("life", {"HAKMEM_MODE": mode})
    check(f"{mode}: silent unless asked", text == "", text)
    _, text = run("life", {"HAKMEM_MODE": mode, "HAKMEM_STATS": "on"})
    check(f"{mode}: statistics for who asks", "heaps_created" in text, text)

# Every child inherits the preload: programs that cannot take it must not notice.
code, text = run("life", {"HAKMEM_MODE": "balanced", "LD_BIND_NOW": "1"})
check("bind now", code == 0, text)
finish()
