"""The peak memory of one import in a program of its own: `python -m benchmarks.memory FILE`.

The rule: the figure is the high-water mark of this address space. `ru_maxrss` would inherit that of the parent.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import django

if __name__ == "__main__":
    django.setup()
    from benchmarks.import_ import syncops_import

    done = syncops_import(Path(sys.argv[1]))
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    print(json.dumps({"peak": peak, "changed": done.rows["changed"]}))
