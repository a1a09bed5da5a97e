"""Where io_uring is switched off, our thread purges by the next rung: refused_ring_test.py LIBRARY FOLDER.

No filter refuses it here, for under a filter there is no such thread. Not exercised before Linux 6.6,
which has no kernel.io_uring_disabled, and without the right to set it."""
import os
import subprocess
import sys
from pathlib import Path

library, folder = sys.argv[1:3]
setting = Path("/proc/sys/kernel/io_uring_disabled")
try:
    before = setting.read_text(encoding="ascii")
    setting.write_text("2", encoding="ascii")
except OSError as error:
    print(f"skipped: {error}")
    sys.exit(77)
try:
    done = subprocess.run([os.path.join(folder, "background"), "idle", "poll"], check=False, timeout=60,
                          env={**os.environ, "LD_PRELOAD": library, "HAKMEM_BACKGROUND": "uring"})
finally:
    setting.write_text(before, encoding="ascii")
sys.exit(done.returncode)
