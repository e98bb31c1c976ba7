"""How many processors there are for this process."""

from __future__ import annotations

import os


def available() -> int:
    """Processors this process may use; macOS, which cannot say, is taken to allow all of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
