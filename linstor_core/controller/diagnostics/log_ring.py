"""The last lines of the log, for the SOS report."""

from __future__ import annotations

import logging
from collections import deque


class LogRing(logging.Handler):
    """Stands beside whatever else the process logs to.

    What libraries say below INFO is left out: at that level they log what goes over their sockets, secrets included.
    """

    LINES = 2000
    LINE_CHARACTERS = 2000

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self._lines: deque[str] = deque(maxlen=self.LINES)

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.INFO and not record.name.startswith("linstor_core"):
            return
        try:
            self._lines.append(self.format(record)[:self.LINE_CHARACTERS])
        except Exception:  # a log call with wrong arguments must not fail whoever makes it
            self.handleError(record)

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines.copy())
