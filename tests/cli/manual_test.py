"""The manual pages as groff renders them: what stands between a variable's name and its values."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from checks import check, finish  # noqa: E402

pages, source = map(Path, sys.argv[1:3])
if shutil.which("groff") is None:
    print("skipped: groff is not installed")
    sys.exit(77)


def rendered(page):
    result = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-c", "-rLL=200n", page], text=True,
                            capture_output=True, check=False)
    check(f"groff has nothing to say on {page.name}", result.returncode == 0
          and result.stderr == "", result.stderr)
    text = re.sub(".\b", "", result.stdout)
    return " ".join(text.replace("\N{HYPHEN}", "-").split())


modes = rendered(pages / "hakmem-modes.7")
for table in ("features", "options", "legacy"):
    text = (source / f"src/settings/{table}.def").read_text(encoding="utf-8")
    # The first of the row's strings that could be read as values follows the variable.
    rows = re.findall(r'^HAKMEM_\w+\([^"]*"(HAKMEM_\w+)",[^"]*"([^"]*)"', text, re.M)
    missing = [row for row in rows if "=".join(row) not in modes]
    check(f"{table} are spelt out", len(rows) > 3 and not missing, missing)
check("a number's words are apart", "HAKMEM_LARGE_THRESHOLD=bytes, with K, M, G or T; at least 64K" in modes)
command = rendered(pages / "hakmem.1")
check("the command's synopsis", "hakmem run [options] -- command [argument...]" in command)
check("and its options", "--library PATH" in command and "-m, --mode MODE" in
      command.replace("-m,--mode", "-m, --mode"), command)
finish()
