"""What may stand on what in a layer stack. The rows are LINSTOR's."""

from __future__ import annotations

from itertools import pairwise

from linstor_core.domain.errors import Code, InvalidInput

STORAGE = "STORAGE"
DRBD = "DRBD"
LUKS = "LUKS"
DEFAULT_STACK = (DRBD, STORAGE)
"""What is placed where neither caller, definition nor group names a stack."""
REPLICATING = frozenset({DRBD})
"""Only below these do the replicas of a resource hold the same data."""

_BELOW: dict[str, frozenset[str]] = {
    "DRBD": frozenset({"NVME", "LUKS", "STORAGE", "WRITECACHE", "CACHE", "BCACHE"}),
    "NVME": frozenset({"LUKS", "STORAGE", "WRITECACHE", "CACHE", "BCACHE"}),
    "WRITECACHE": frozenset({"NVME", "LUKS", "STORAGE", "CACHE", "BCACHE"}),
    "CACHE": frozenset({"NVME", "LUKS", "STORAGE", "WRITECACHE", "BCACHE"}),
    "BCACHE": frozenset({"NVME", "LUKS", "STORAGE", "WRITECACHE"}),
    "LUKS": frozenset({"STORAGE"}),
    "STORAGE": frozenset(),
}
"""Layer -> the layers that may stand directly below it."""


def checked_stack(names: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The stack in upper case, with STORAGE at its end. Raises InvalidInput (224 unknown layer, 225 bad order)."""
    stack = tuple(name.upper() for name in names)
    for name in stack:
        if name not in _BELOW:
            raise InvalidInput(f"There is no layer '{name}'.", Code.INVLD_LAYER_KIND,
                               details="The layers are " + ", ".join(sorted(_BELOW)) + ".")
    if not stack:
        return ()
    whole = stack if STORAGE in stack else (*stack, STORAGE)
    for upper, lower in pairwise(whole):
        if lower not in _BELOW[upper]:
            raise InvalidInput(f"The layer {lower} cannot stand below {upper}.", Code.INVLD_LAYER_STACK,
                               details=f"The stack was {','.join(whole)}, top first.")
    if len(set(whole)) != len(whole):
        raise InvalidInput("A layer occurs twice in the stack.", Code.INVLD_LAYER_STACK,
                           details=f"The stack was {','.join(whole)}, top first.")
    return whole
