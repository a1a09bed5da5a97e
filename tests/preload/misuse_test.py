"""Each mistake must end the process by abort, with a message that names function and pointer."""
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
    "list-damaged": "malloc", "freed-block-overwritten": "malloc",
    "realloc-freed": "realloc", "usable-size-freed": "malloc_usable_size",
    "realloc-interior-small": "realloc",
}

library, folder = sys.argv[1:3]
failed = 0
for mode in ("fast", "balanced"):
    for case, function in CASES.items():
        run = subprocess.run([os.path.join(folder, "misuse"), case], capture_output=True, text=True,
                             env={"LD_PRELOAD": library, "HAKMEM_MODE": mode}, check=False)
        message = re.compile(rf"^hakmem: {function}\(\): .* 0x[0-9a-f]+$", re.MULTILINE)
        if run.returncode != -signal.SIGABRT or not message.search(run.stderr):
            failed += 1
            print(f"{mode} {case}: status {run.returncode}, stderr: {run.stderr!r}")
print(f"{2 * len(CASES) - failed} of {2 * len(CASES)} stopped")
sys.exit(1 if failed else 0)
