"""Log levels, of the controller and of satellites."""

from __future__ import annotations

from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg
from linstor_core.wire.rest_diagnostics import ControllerConfigModify, LogModify

LEVEL = Arg("level", "from this level on things are logged", kind=str.upper,
            choices=("ERROR", "WARN", "INFO", "DEBUG", "TRACE"))
LIBRARY = Arg("--library", "that of the libraries", "flag", ("--lib",))


def log_level(call: Call) -> ControllerConfigModify:
    level, everywhere = call.args.level, getattr(call.args, "everywhere", False)
    if call.args.library:
        return ControllerConfigModify(log=LogModify(level_global=level) if everywhere else LogModify(level=level))
    return ControllerConfigModify(log=LogModify(level_linstor_global=level) if everywhere
                                  else LogModify(level_linstor=level))
