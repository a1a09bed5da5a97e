"""The examples of a document, run as they stand there: examples_test.py BUILD DOCUMENT…

Of a Markdown document its shell blocks, from the tree's root; of a manual page the lines of its
EXAMPLES, from a folder with a Makefile, or, in C, compiled, linked and run. What would take long or
run this very test again is replaced by a quick form of itself (STAND_INS), which is said. What does
not end by itself (a server) is ended once it has allocated.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from checks import check, finish  # noqa: E402

build = Path(sys.argv[1]).resolve()
ROOT = Path(__file__).resolve().parents[2]
VERIFIED = re.compile(r"^hakmem: (\S+) \(process \d+\) allocates from hakmem [\d.]+, mode \w+$", re.M)

STAND_INS = {
    "scripts/demo": 'python3 -B bench/demo --quick "$@"',
    "scripts/test": 'ctest --test-dir build/release -N "$@"',
    "scripts/fuzz": 'command scripts/fuzz "$1" 1',
    "scripts/soak": 'command bench/soak.py --out "$HOME" 0.001 "${@:2}"',
    "scripts/package": "test -x scripts/package",
    "bench/compare": 'command bench/compare "$@" --rounds 1 --iterations 1000 --mebibytes 8 --contestants hakmem',
    "bench/programs": 'command bench/programs true --rounds 1',
    "bench/large": 'command bench/large --quick',
    "bench/idle": 'command bench/idle --quick',
    "bench/snapshot": 'command bench/snapshot --quick',
    "bench/matrix": 'command bench/matrix pair-32 --runs 1 --iterations 1000 --out "$HOME"',
}
FUNCTIONS = "\n".join(f"{name}() {{ {body}; }}" for name, body in STAND_INS.items())


def run(text, folder, home):
    """Its output and status. A process that still runs after a while is ended, with all of its group."""
    env = {**os.environ, "HOME": str(home), "PATH": f"{build}:{os.environ['PATH']}"}
    env.pop("LD_PRELOAD", None)
    process = subprocess.Popen(["bash", "-euo", "pipefail", "-c", f"{FUNCTIONS}\n{text}"], cwd=folder,
                               env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True)
    lasts = text.lstrip().startswith("hakmem run")
    try:
        output, _ = process.communicate(timeout=10 if lasts else 900)
        return output, process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        output, _ = process.communicate()
        return output, 0 if lasts and VERIFIED.search(output) else "did not end"


def markdown(document, home):
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
    check(f"{document.name} has examples", blocks != [])
    for block in blocks:
        for line in block.splitlines():
            output, status = run(line, ROOT, home)
            check(f"{document.name}: {line}", status == 0, output)
    # What a run is said to print.
    for line in re.findall(VERIFIED, text):
        output, _ = run(f"hakmem run -- {line} --version", ROOT, home)
        check(f"{document.name}: the line about {line}", VERIFIED.findall(output) == [line], output)


def manual(document, home):
    text = document.read_text(encoding="utf-8")
    examples = re.search(r"^\.SH EXAMPLES?\n(.*?)^\.SH", text, re.M | re.S)
    check(f"{document.name} has examples", examples is not None)
    for block in re.findall(r"^\.nf\n(.*?)^\.fi", examples[1], re.M | re.S):
        block = block.replace("\\-", "-").replace("\\e", "\\")
        if "#include" in block:
            source, program = home / "example.c", home / "example"
            source.write_text(block, encoding="utf-8")
            output, status = run(f"cc -Wall -Werror -I{ROOT}/include {source} -L{build} -lhakmem "
                                 f"-Wl,-rpath,{build} -o {program} && {program}", home, home)
            check(f"{document.name}: its program", status == 0, output)
            continue
        (home / "Makefile").write_text("all:\n\t@echo made\n", encoding="ascii")
        for line in block.splitlines():
            output, status = run(line, home, home)
            check(f"{document.name}: {line}", status == 0
                  and ("hakmem run" not in line or VERIFIED.search(output)), output)


for name in sys.argv[2:]:
    with tempfile.TemporaryDirectory() as folder:
        (manual if "/man/" in name else markdown)(Path(name), Path(folder))
finish()
