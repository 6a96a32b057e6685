"""With what the controller runs, and its log levels, which change at run time."""

from __future__ import annotations

import logging
from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.diagnostics.instruments import Instruments, Services
from linstor_core.controller.route import Route
from linstor_core.domain.errors import Code, InvalidInput
from linstor_core.wire import api_call_rc as rc
from linstor_core.wire import rest_diagnostics as rest

LEVELS = {"ERROR": logging.ERROR, "WARN": logging.WARNING, "INFO": logging.INFO, "DEBUG": logging.DEBUG, "TRACE": 5}
LIBRARIES, OURS = "", "linstor_core"
"""Names of the loggers whose levels are LINSTOR's `level` and `level_linstor`."""
NO_EFFECT = 3001


def level_of(logger: str) -> str:
    """LINSTOR's name of the level that is in force."""
    number = logging.getLogger(logger).getEffectiveLevel()
    return next((name for name, limit in LEVELS.items() if number >= limit), "TRACE")


def running(instruments: Instruments) -> rest.ControllerConfig:
    host, port = instruments.listen
    return rest.ControllerConfig(
        config=rest.ConfigFolder(dir=str(instruments.state)), debug=rest.DebugConfig(console_enabled=False),
        log=rest.LogConfig(print_stack_trace=True, level=level_of(LIBRARIES), level_linstor=level_of(OURS),
                           rest_access_mode="NO_LOG"),
        db=rest.DatabaseConfig(connection_url=instruments.database),
        http=rest.ListenConfig(enabled=True, listen_address=host, port=port), https=rest.ListenConfig(enabled=False),
        ldap=rest.LdapConfig(enabled=False))


async def show(services: Services, _: Call[Any]) -> object:
    return running(services.instruments)


async def modify(_: Services, call: Call[rest.ControllerConfigModify]) -> object:
    log = call.body.log
    wanted = {} if log is None else {
        LIBRARIES: log.level_global or log.level, OURS: log.level_linstor_global or log.level_linstor}
    levels = {logger: _level(text) for logger, text in wanted.items() if text is not None}
    if not levels:
        # LINSTOR's code for this: it fails on what is missing.
        raise InvalidInput("No log level is given, and nothing else can be changed at run time.", Code.UNKNOWN_ERROR,
                           bare=True, correction='Send for instance {"log": {"level_linstor": "DEBUG"}}.')
    for logger, level in levels.items():
        logging.getLogger(logger).setLevel(level)
    answers = [call.rc(rc.Severity.SUCCESS, rc.MODIFIED, "The log level is changed until the controller's next start.")]
    if log is not None and (log.level_global or log.level_linstor_global):
        answers.append(call.rc(rc.Severity.WARN, NO_EFFECT, "Satellites keep their log levels.",
                               correction="Start them with --log-level to change theirs."))
    return answers


async def modify_node(services: Services, call: Call[rest.NodeConfigModify]) -> object:
    """Refuses: satellites take their level at their start."""
    node = lookups.node(services.controller.cluster, call.path["node"], bare=True)
    log = call.body.log
    for text in (log.level, log.level_global, log.level_linstor, log.level_linstor_global) if log is not None else ():
        if text is not None:
            _level(text)
    raise InvalidInput(f"The configuration of the satellite '{node.name}' can't be changed from here.",
                       Code.INVLD_REQUEST, bare=True,
                       correction="Start it with the settings it should have, for instance --log-level DEBUG.")


def _level(text: str) -> int:
    level = LEVELS.get(text.upper())
    if level is None:
        raise InvalidInput(f"'{text}' is not a log level.", Code.INVLD_CONF, bare=True,
                           correction=f"Choose one of {', '.join(LEVELS)}.")
    return level


_PATH = "/v1/controller/config"
ROUTES = (
    Route("GET", _PATH, "With what the controller runs", service=show, answer=rest.ControllerConfig),
    Route("PUT", _PATH, "Change log levels until the next start", service=modify, body=rest.ControllerConfigModify,
          mask=rc.Operation.MODIFY | rc.Subject.CTRL_CONF),
    Route("PUT", "/v1/nodes/<node>/config", "Refused: a satellite takes its configuration at its start",
          service=modify_node, body=rest.NodeConfigModify, mask=rc.Operation.MODIFY | rc.Subject.NODE),
)
