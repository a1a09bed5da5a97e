"""What `hakmem run` passes on: values that the library accepts, and a file that it can write."""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from checks import check, finish  # noqa: E402

command, library, folder = sys.argv[1:4]
os.environ.pop("LD_PRELOAD", None)


def hakmem(*arguments, env=None, **options):
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False,
                          timeout=60, env={**os.environ, **(env or {})}, **options)


# The command refuses what the library complains of, and nothing else.
NUMBERS = ["", "0", "1", "K", "1K", "63K", "64K", "65535", "65536", "1M", "1048575", "1m", "2g",
           "1500000", "1T", "1.5M", "-1", "+1", " 1M", "1M ", "abc", "0x10", "18446744073709551615",
           "18446744073709551616", "99999999999999999999G", "17179869183G", "17179869184G"]
SWITCHES = ["", "0", "1", "2", "on", "OFF", "auto", "json", "yes", "on ", "learn", "frozen"]
CHOICES = ["", "auto", "strip", "REDIRECT", "UringX", "uring", "off", "keep", "adaptive", "0", "1",
           "auto|off"]
VALUES = {"limit": NUMBERS, "large_threshold": NUMBERS, "memory_price": NUMBERS,
          "verbose": SWITCHES, "statistics": SWITCHES, "bigcache": SWITCHES, "elo": SWITCHES,
          "thp": SWITCHES, "deepbind": CHOICES, "purge": CHOICES,
          "free_policy": CHOICES, "background": CHOICES,
          "only": ["", "a,b"], "stats_file": ["", "x" * 255, "x" * 256]}
VARIABLES = {"statistics": "HAKMEM_STATS"}
different = []
for name, values in VALUES.items():
    variable = VARIABLES.get(name, "HAKMEM_" + name.upper())
    for value in values:
        direct = subprocess.run([os.path.join(folder, "nothing")], check=False, capture_output=True,
                                text=True, cwd="/proc",
                                env={"LD_PRELOAD": library, variable: value})
        complains = "is not accepted" in direct.stderr
        status = hakmem("run", "-q", "--set", f"{name}={value}", "--",
                        os.path.join(folder, "nothing"), cwd="/proc").returncode
        if status != (125 if complains else 0):
            different.append((name, value, direct.stderr, status))
check("the command's judgement is the library's", not different, different)
for value in ("limit=1", "limit=99999999999999999999G", "large_threshold=1K", "memory_price=abc"):
    result = hakmem("run", "--set", value, "--", "true")
    check(f"{value} is refused", result.returncode == 125 and "is not accepted" in result.stderr,
          result)
for value, told in (("bigcahce=off", "is bigcache meant?"), ("HAKMEM_THPS=on", "is thp meant?"),
                    ("nonsense=on", "see 'hakmem config'")):
    result = hakmem("run", "--set", value, "--", "true")
    check(f"{value} is named", result.returncode == 125 and told in result.stderr, result)

# Statistics.
for file, told in (("/dev/full", "it is a device"), ("/tmp", "it is a directory"),
                   ("/nonexistent/file", "No such file")):
    result = hakmem("run", "--stats", file, "--", "true")
    check(f"no statistics to {file}", result.returncode == 125 and told in result.stderr, result)
with tempfile.TemporaryDirectory() as place:
    result = hakmem("run", "--stats", "one file", "--", "bash", "-c", "cd / && true", cwd=place)
    text = Path(place, "one file").read_text(encoding="ascii")
    check("statistics", "heaps_created" in text and "statistics" not in result.stderr, text)
    hakmem("run", "--stats", f"{place}/%e-%p", "--", "bash", "-c", "ls / >/dev/null; true")
    names = sorted(re.sub(r"\d+$", "", name) for name in os.listdir(place) if name != "one file")
    check("statistics of every process", "bash-" in names and "ls-" in names, names)
    for name, options, env in (("--set", ["--set", "statistics=json"], {}),
                               ("the environment", [], {"HAKMEM_STATS": "JSON"})):
        hakmem("run", *options, "--stats", "json", "--", "true", cwd=place, env=env)
        text = Path(place, "json").read_text(encoding="ascii")
        check(f"as JSON by {name}", text.startswith("{") and json.loads(text)["schema"] == 1, text)
    os.mkfifo(Path(place, "fifo"))
    with open(os.open(Path(place, "fifo"), os.O_RDONLY | os.O_NONBLOCK), encoding="ascii") as reader:
        hakmem("run", "--stats", "fifo", "--", "true", cwd=place)
        check("into a pipe", "heaps_created" in reader.read())
    result = hakmem("run", "--stats", "fifo", "--", "true", cwd=place)
    check("into a pipe that nobody reads", result.returncode == 0
          and result.stderr.endswith(f"statistics cannot be written to {place}/fifo\n"), result)
    os.symlink("target", Path(place, "link"))
    hakmem("run", "--stats", "link", "--", "true", cwd=place)
    check("by a link of the person's", "heaps_created" in
          Path(place, "target").read_text(encoding="ascii"))
    directory = Path(place, "d" * 200)
    directory.mkdir()
    result = hakmem("run", "--stats", "x" * 100, "--", "true", cwd=directory)
    check("a path that is too long for the library", result.returncode == 125
          and "255" in result.stderr, result)
    gone = Path(place, "gone")
    gone.mkdir()
    result = subprocess.run(["sh", "-c", f"rmdir {gone}; {command} run --stats x -- true"],
                            cwd=gone, capture_output=True, text=True, timeout=60, check=False)
    check("a directory that is gone", result.returncode == 125 and "No such file" in result.stderr,
          result)
for file, words in (("/nowhere/file", "No such file"), ("/nowhere/x%p", "No such file"),
                    ("/nowhere/%e/x%p", "No such file"), ("/dev/null/x%p", "Not a directory"),
                    ("/", "directory"), ("/dev/zero", "it is a device"), ("", "--stats")):
    result = hakmem("run", "--stats", file, "--", "true")
    check(f"statistics to '{file}'", result.returncode == 125 and words in result.stderr
          and result.stderr.startswith("hakmem: ") and result.stderr.count("\n") == 1, result)
finish()
