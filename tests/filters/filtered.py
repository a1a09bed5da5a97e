"""A program under filters that kill: filtered.py BUILD LISTS MODES PROGRAM [ARGUMENTS]

LISTS, with commas: files of lists/; `one~other` is one without what other has. What the program
does under libc is allowed as well; where it needs the library, what it does in the mode minimal. The
library's own instructions may only make the calls of lists/allocator, and those of lists/passed_on
that the program makes under libc. The program must end with 0, or 77 where it cannot do its work
here, or by a signal if it is `misuse`. Status 77: there are no filters.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
build, lists, modes, program, *arguments = sys.argv[1:]
BUILD = Path(build).resolve()
TOOLS = BUILD / "tests/filters"
FILTER, LIBRARY = TOOLS / "libcall_filter.so", BUILD / "libhakmem.so"
NO_FILTER = 126
PATIENCE = 200


def numbers(name):
    done = subprocess.run([TOOLS / "call_numbers", HERE / "lists" / name], capture_output=True,
                          text=True, check=True)
    return {int(word) for word in done.stdout.split()}


def numbers_of(listed):
    first, *without = listed.split("~")
    return numbers(first).difference(*(numbers(name) for name in without))


def run(*preloaded, **variables):
    environment = {key: value for key, value in os.environ.items()
                   if not key.startswith(("HAKMEM_", "CALL_FILTER_"))}
    environment |= {"LD_PRELOAD": ":".join(map(str, preloaded)), **variables}
    done = subprocess.run([program, *arguments], env=environment, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    if done.returncode == NO_FILTER:
        print("skipped: no filters here")
        sys.exit(77)
    return done


def record(folder):
    file = folder / "recorded"
    file.touch()
    if run(FILTER, CALL_FILTER_RECORD=str(file)).returncode != 0:
        run(FILTER, LIBRARY, CALL_FILTER_RECORD=str(file), HAKMEM_MODE="minimal")
    return {int(word) for word in file.read_text(encoding="ascii").split()}


def write_numbers(file, found):
    file.write_text(" ".join(map(str, sorted(found))), encoding="ascii")
    return str(file)


def places(text):
    """The reports of call_filter with the names of functions."""
    for line in re.findall(r"^call_filter: .*|^  libhakmem.*", text, re.MULTILINE)[:20]:
        offset = line.rpartition("+")[2]
        if line.startswith("call_filter"):
            yield line
        else:
            done = subprocess.run(["addr2line", "-psfCe", LIBRARY, offset], capture_output=True,
                                  text=True, check=False)
            yield f"{line}  {done.stdout.strip()}"


def main():
    own = numbers("allocator")
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recorded = record(folder)
        variables = {"CALL_FILTER_OWN": write_numbers(folder / "own",
                                                      own | recorded & numbers("passed_on"))}
        expected = (0, 77)
        if Path(program).name == "misuse":  # libc, in the mode minimal, may let it fault
            expected = (-signal.SIGABRT, -signal.SIGSEGV)
        for listed in lists.split(","):
            allowed = numbers_of(listed)
            assert own <= allowed
            variables["CALL_FILTER_ALLOW"] = write_numbers(folder / "allowed", allowed | recorded)
            for mode in modes.split(","):
                done = run(FILTER, LIBRARY, HAKMEM_MODE=mode, **variables)
                good = done.returncode in expected
                print(f"{listed}, {mode}: {'passed' if good else 'FAILED'}, {done.returncode}")
                if good:
                    continue
                failed += 1
                print(done.stderr.decode(errors="replace"))
                told = run(FILTER, LIBRARY, HAKMEM_MODE=mode, CALL_FILTER_REPORT="1", **variables)
                print("\n".join(places(told.stderr.decode(errors="replace"))))
    return 1 if failed else 0


sys.exit(main())
