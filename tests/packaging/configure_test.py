"""What CMake makes of the sources without a preset, and in another project: configure_test.py SOURCE BUILD

BUILD is the release build that is tested. The library is not built here: that takes a minute."""
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from checks import check, finish  # noqa: E402

source, tested = map(Path, sys.argv[1:3])
PROJECT = """
cmake_minimum_required(VERSION 3.16)
project(consumer CXX)
add_subdirectory("{source}" hakmem)
add_executable(shared "{source}/tests/packaging/consumer/main.cc")
target_link_libraries(shared PRIVATE hakmem::hakmem)
add_executable(static "{source}/tests/packaging/consumer/main.cc")
target_link_libraries(static PRIVATE hakmem::hakmem_static)
"""


def configure(folder, build):
    result = subprocess.run(["cmake", "-S", folder, "-B", build, "-G", "Ninja"], capture_output=True,
                            text=True, check=False, timeout=200)
    check(f"{build.name}: configures", result.returncode == 0 and "Warning" not in result.stderr, result)


def flags(build):
    """How the library's first file is compiled: the options, without folders."""
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    command = next(entry["command"] for entry in commands if entry["file"].endswith("heap/heap.cc"))
    return {word for word in command.split() if re.match(r"-(?!I|o|c|MF|MT|Werror)", word)}


with tempfile.TemporaryDirectory() as place:
    plain, other = Path(place, "plain"), Path(place, "other")
    configure(source, plain)
    check("a plain build is compiled as the one that is tested", flags(plain) == flags(tested),
          flags(plain) ^ flags(tested))
    Path(place, "CMakeLists.txt").write_text(PROJECT.format(source=source), encoding="utf-8")
    configure(Path(place), other)
    targets = subprocess.run(["ninja", "-C", other, "-t", "targets", "all"], capture_output=True,
                             text=True, check=True).stdout
    check("another project gets the libraries", "libhakmem.so" in targets and "libhakmem.a" in targets)
    strange = re.findall(r"^\S*(?:tests/unit|tests/preload|bench/|src/cli/)\S*\.o", targets, re.M)
    check("and neither tests nor the command", not strange, strange)
    rules = (other / "cmake_install.cmake").read_text(encoding="utf-8")
    check("and nothing to install", "hakmem.h" not in rules, rules)
finish()
