"""`linstor-controller`: a controller in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import uvloop

from linstor_core.controller import auto_unlock
from linstor_core.controller.daemon import ControllerDaemon
from linstor_core.domain.errors import LinstorError


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="linstor-controller", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:3370", metavar="HOST:PORT", help="REST address (%(default)s)")
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="folder of the database")
    parser.add_argument("--master-passphrase-file", type=Path, metavar="FILE",
                        help="file of mode 0600 with the master passphrase, to open the master key at the start; else "
                             f"systemd's credential {auto_unlock.CREDENTIAL} or ${auto_unlock.ENVIRONMENT} is taken")
    parser.add_argument("--log-level", default="INFO", help="DEBUG, INFO, WARNING, ERROR (%(default)s)")
    return parser.parse_args()


async def _run(daemon: ControllerDaemon) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await daemon.start()
    await stopped.wait()
    await daemon.stop()


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(level=arguments.log_level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    host, _, port = arguments.listen.rpartition(":")
    try:
        passphrase = auto_unlock.find(os.environ, arguments.master_passphrase_file)
        uvloop.run(_run(ControllerDaemon(arguments.state, host.strip("[]"), int(port), passphrase=passphrase)))
    except LinstorError as fault:
        print(" ".join(filter(None, ("linstor-controller:", fault.message, fault.cause, fault.correction))),
              file=sys.stderr)
        return 1
    except OSError as fault:
        print(f"linstor-controller: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
