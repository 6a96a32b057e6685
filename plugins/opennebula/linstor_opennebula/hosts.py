"""Commands on this machine and, by ssh, on OpenNebula's hosts. The one module of the plugin that starts processes."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from linstor_opennebula.errors import CommandFailed

MIB = 1024 * 1024
SSH = ("ssh", "-o", "BatchMode=yes")
_PATH = "PATH=/usr/sbin:/sbin:$PATH"


@dataclass(frozen=True)
class Hosts:
    """`ssh` is the command that a host's name and a command line are appended to; an empty host is this machine.

    `privileged` is what goes before commands that open devices or make file systems, as `sudo -n`.
    """

    ssh: tuple[str, ...] = SSH
    privileged: tuple[str, ...] = ()
    timeout_s: float | None = None

    def run(self, host: str, argv: Sequence[str], text: str | None = None) -> str:
        """What the command says on standard output. Raises CommandFailed."""
        return self.script(host, shlex.join(argv), text) if host else self._finish("", argv, text)

    def script(self, host: str, line: str, text: str | None = None) -> str:
        """Run a line of shell; whatever comes from outside in it has to be quoted already."""
        command = f"{_PATH}; export PATH; {line}"
        return self._finish(host, (*self.ssh, host, command) if host else ("sh", "-c", command), text)

    def succeeds(self, host: str, line: str) -> bool:
        """Whether a test on a host is true. Raises CommandFailed where it could not be made, as ssh tells by 255."""
        try:
            self.script(host, line)
        except CommandFailed as error:
            if error.status == 255:
                raise
            return False
        return True

    def write_device(self, host: str, device: str, source: IO[bytes], first: bytes = b"", *, sparse: bool) -> None:
        """Write a stream to the start of a device, which has to be blank for `sparse`. Raises CommandFailed."""
        options = "fsync,sparse" if sparse else "fsync"
        argv = (*self.privileged, "dd", f"of={device}", "bs=2M", "iflag=fullblock", f"conv=notrunc,{options}",
                "status=none")
        command = (*self.ssh, host, shlex.join(argv)) if host else argv
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                assert process.stdin is not None and process.stderr is not None
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(first)
                    shutil.copyfileobj(source, process.stdin, MIB)
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
                said = process.stderr.read().decode(errors="replace")
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise CommandFailed(host, argv, process.returncode, said)

    def copy_directory(self, source_host: str, source: str, target_host: str, target: str) -> None:
        """Put what a directory holds into another one on another host. Raises CommandFailed."""
        self.run(target_host, ("mkdir", "-p", target))
        self._pipe(source_host, ("tar", "-C", source, "-cSf", "-", "."), target_host,
                   ("tar", "-C", target, "-xSf", "-"))

    def copy_file(self, source_host: str, target_host: str, path: str, target: str = "") -> None:
        """Put a file on another host, where it is here or at `target`; what is torn there never has its name. Raises
        CommandFailed.
        """
        target = target or path
        part = f"{target}.part"
        self._pipe(source_host, ("cat", path), target_host, ("dd", f"of={part}", "bs=1M", "conv=fsync,sparse",
                                                             "status=none"))
        self.run(target_host, ("mv", part, target))

    def _pipe(self, source_host: str, source: Sequence[str], target_host: str, target: Sequence[str]) -> None:
        with self.output_of((*self.ssh, source_host, shlex.join(source))) as stream:
            done = subprocess.run((*self.ssh, target_host, shlex.join(target)), stdin=stream, stderr=subprocess.PIPE,
                                  check=False)
            if done.returncode != 0:
                raise CommandFailed(target_host, target, done.returncode, done.stderr.decode(errors="replace"))

    @contextlib.contextmanager
    def output_of(self, argv: Sequence[str]) -> Iterator[IO[bytes]]:
        """A command's output while it runs here; leaving raises CommandFailed where it ended with an error."""
        with tempfile.TemporaryFile() as messages:
            with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=messages) as process:
                assert process.stdout is not None
                try:
                    yield process.stdout
                except BaseException:
                    process.kill()
                    raise
            messages.seek(0)
            said = messages.read().decode(errors="replace")
        if process.returncode != 0:
            raise CommandFailed("", argv, process.returncode, said)

    def _finish(self, host: str, argv: Sequence[str], text: str | None) -> str:
        done = subprocess.run(argv, input=text or "", capture_output=True, text=True, check=False,
                              timeout=self.timeout_s)
        if done.returncode != 0:
            raise CommandFailed(host, argv[len(self.ssh) + 1:] if host else argv, done.returncode, done.stderr)
        return done.stdout
