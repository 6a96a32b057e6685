"""`./dev down`: stop the process; with --wipe remove every trace of it."""

from __future__ import annotations

from tools import loop_mounts, processes
from tools.dev.progress import Progress
from tools.dev.state_folder import StateFolder


def down(folder: StateFolder, wipe: bool, progress: Progress) -> None:
    """Raises StateFolderRefused, and CommandFailed for a volume or mount that is in use."""
    if folder.setup() is None:
        progress.say(f"Nothing to stop: {folder.shown(folder.root)} was never set up.")
        return
    with progress.step("process") as step:
        step.done(_stop(folder))
    if wipe:
        _wipe(folder, progress)
        return
    volumes = sorted(device for device, backing in loop_mounts.loop_devices_below(folder.root).items()
                     if backing != folder.image)
    if volumes:
        progress.say(f"The volumes stay attached and usable: {', '.join(volumes)}.")
    progress.say("`./dev up` goes on from here; `./dev down --wipe` removes everything.")


def _stop(folder: StateFolder) -> str:
    identity = processes.load(folder.identity)
    if identity is None or not processes.is_alive(identity):
        folder.identity.unlink(missing_ok=True)
        return "did not run"
    gently = processes.stop(identity)
    folder.identity.unlink(missing_ok=True)
    return "stopped" if gently else "ended by force: it did not stop in time"


def _wipe(folder: StateFolder, progress: Progress) -> None:
    with progress.step("volumes") as step:
        done = loop_mounts.release(folder.root)
        step.done(f"{sum(text.startswith('detached') for text in done)} detached, "
                  f"{sum(text.startswith('unmounted') for text in done)} unmounted")
    with progress.step("state folder") as step:
        folder.remove()
        step.done(f"{folder.shown(folder.root)} removed")
