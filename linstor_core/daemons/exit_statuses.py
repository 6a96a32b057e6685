"""With what a daemon ends. What no restart can mend has a status of its own, which the units do not restart after."""

from __future__ import annotations

OK = 0
FAILED = 1
"""Could not start or go on: an address that is taken, a disk that is full. Trying again may help."""
USAGE = 2
"""A command line that makes no sense."""
DATABASE_NEWER = 65
"""The database was written by a newer release."""
BAD_SETTINGS = 78
"""A configuration file, a certificate or a passphrase file that can't be used."""
