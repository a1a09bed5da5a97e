"""What `cmake --install` puts down: usable by CMake and pkg-config, shared and static; the manual
pages say all that the tables and --help say."""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from checks import check, finish  # noqa: E402

build, source = map(Path, sys.argv[1:3])
here = Path(__file__).resolve().parent


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, timeout=200, **options)


def must(*command, **options):
    result = run(*command, **options)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {result.stdout}{result.stderr}")
    return result.stdout


with tempfile.TemporaryDirectory() as folder:
    prefix, work = Path(folder, "usr"), Path(folder, "work")
    must("cmake", "--install", build, "--prefix", prefix)
    library = next(prefix.rglob("libhakmem.so"))
    check("links to the soname", os.readlink(library) == "libhakmem.so.0")
    check("soname", "[libhakmem.so.0]" in must("readelf", "-d", library))

    must("cmake", "-S", here / "consumer", "-B", work, f"-DCMAKE_PREFIX_PATH={prefix}")
    must("cmake", "--build", work)
    for program in ("shared_c", "shared_cc", "static_c", "static_cc"):
        result = run(work / program, env={"HAKMEM_MODE": "fast"})
        check(f"find_package, {program}", result.returncode == 0 and result.stdout.endswith("fast\n"),
              result)
    needed = must("readelf", "-d", work / "static_cc")
    check("static: not linked to the library as well", "libhakmem" not in needed, needed)

    env = {**os.environ, "PKG_CONFIG_PATH": str(library.parent / "pkgconfig")}
    if run("sh", "-c", "command -v pkg-config").returncode == 0:
        for name, more, flags in (("shared", [], []), ("static", ["-static"], ["--static"])):
            words = must("pkg-config", "--cflags", "--libs", *flags, "hakmem", env=env).split()
            for compiler, main in ((["cc"], "main.c"), (["c++", "-std=c++20"], "main.cc")):
                must(*compiler, here / "consumer" / main, *words, *more, "-o", work / "by_pkg")
                result = run(work / "by_pkg", env={"LD_LIBRARY_PATH": str(library.parent)})
                check(f"pkg-config, {name}, {main}", result.returncode == 0, result)
    else:
        print("pkg-config: skipped, not installed")

    command = prefix / "bin/hakmem"
    result = run(command, "run", "--strict", "--", "true")
    check("the installed command finds the installed library", result.returncode == 0
          and "allocates from" in result.stderr and
          str(library.parent) in must(command, "version"), result)

    pages = {path.name: path.read_text(encoding="utf-8") for path in prefix.rglob("man?/hakmem*")}
    check("manual pages", set(pages) == {"hakmem.1", "hakmem.3", "hakmem-modes.7"}, set(pages))
    plain = {name: text.replace("\\-", "-") for name, text in pages.items()}
    for table in ("modes", "features", "options", "legacy"):
        text = (source / f"src/settings/{table}.def").read_text(encoding="utf-8")
        rows = re.findall(r'^HAKMEM_\w+\(\s*"?(\w+)"?(?:,\s*"(HAKMEM_\w+)")?', text, re.M)
        missing = [row for row in rows if (row[1] or row[0]) not in plain["hakmem-modes.7"]]
        check(f"hakmem-modes(7) has every row of {table}.def", rows and not missing, missing)
    for subcommand in ("run", "config", "version"):
        options = re.findall(r"(--[a-z]+)", must(command, subcommand, "--help"))
        missing = [option for option in options if option not in plain["hakmem.1"]]
        check(f"hakmem(1) has every option of {subcommand}", options and not missing, missing)
    header = (source / "include/hakmem/hakmem.h").read_text(encoding="utf-8")
    functions = re.findall(r"^[\w* ]+?[ *](hakmem_\w+)\(", header, re.M)
    missing = [name for name in functions if name + "(" not in plain["hakmem.3"]]
    check("hakmem(3) has every function of the header", len(functions) > 12 and not missing, missing)
    if run("sh", "-c", "command -v groff").returncode == 0:
        for path in prefix.rglob("man?/hakmem*"):
            result = run("groff", "-man", "-ww", "-Tutf8", path)
            check(f"groff has nothing to say on {path.name}", result.stderr == "", result.stderr)
    else:
        print("groff: skipped, not installed")
finish()
