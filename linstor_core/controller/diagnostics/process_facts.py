"""What the kernel knows of this process."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from msgspec import Struct


class ProcessFacts(Struct, frozen=True):
    cpu_s: float
    start_s: float
    """Since 1970."""
    resident_bytes: int
    virtual_bytes: int
    open_files: int
    max_files: int


def process_facts() -> ProcessFacts:
    """Raises OSError where there is no /proc."""
    ticks = os.sysconf("SC_CLK_TCK")
    # The name of the program, in parentheses, may hold spaces: count from behind it.
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    boot_s = next(float(line.split()[1]) for line in Path("/proc/stat").read_text(encoding="ascii").splitlines()
                  if line.startswith("btime "))
    return ProcessFacts(
        cpu_s=(int(fields[11]) + int(fields[12])) / ticks, start_s=boot_s + int(fields[19]) / ticks,
        virtual_bytes=int(fields[20]), resident_bytes=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        open_files=len(os.listdir("/proc/self/fd")), max_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0])
