"""With what the controller runs, and its log levels, which change at run time."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.diagnostics.instruments import Instruments, Services
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import key_of
from linstor_core.domain.errors import Code, Conflict, InvalidInput
from linstor_core.domain.log_levels import LEVELS, LIBRARIES, OURS, name_of
from linstor_core.wire import api_call_rc as rc
from linstor_core.wire import rest_diagnostics as rest

NO_EFFECT = 3001
NOT_CONNECTED = 1002


def level_of(logger: str) -> str:
    """LINSTOR's name of the level that is in force."""
    return name_of(logging.getLogger(logger).getEffectiveLevel())


def running(instruments: Instruments) -> rest.ControllerConfig:
    host, port = instruments.listen
    https = rest.ListenConfig(enabled=False)
    if instruments.https is not None:
        https = rest.ListenConfig(enabled=True, listen_address=instruments.https[0], port=instruments.https[1])
    return rest.ControllerConfig(
        config=rest.ConfigFolder(dir=str(instruments.state)), debug=rest.DebugConfig(console_enabled=False),
        log=rest.LogConfig(print_stack_trace=True, level=level_of(LIBRARIES), level_linstor=level_of(OURS),
                           rest_access_mode=instruments.access_log_mode.upper()),
        db=rest.DatabaseConfig(connection_url=instruments.database),
        http=rest.ListenConfig(enabled=instruments.serves_http, listen_address=host, port=port), https=https,
        ldap=rest.LdapConfig(enabled=False))


async def show(services: Services, _: Call[Any]) -> object:
    return running(services.instruments)


async def modify(services: Services, call: Call[rest.ControllerConfigModify]) -> object:
    """What is global is told to the satellites, too."""
    log = call.body.log or rest.LogModify()
    levels = _levels(log.level_global or log.level, log.level_linstor_global or log.level_linstor)
    everywhere = _levels(log.level_global, log.level_linstor_global)
    if not levels:
        # LINSTOR's code for this: it fails on what is missing.
        raise _nothing_given(Code.UNKNOWN_ERROR)
    for logger, level in levels.items():
        logging.getLogger(logger).setLevel(LEVELS[level])
    answers = [call.rc(rc.Severity.SUCCESS, rc.MODIFIED, "The log level is changed until the controller's next start.")]
    return [*answers, *await _tell_satellites(services, call, everywhere)] if everywhere else answers


async def _tell_satellites(services: Services, call: Call[Any], levels: dict[str, str]) -> list[rc.ApiCallRc]:
    """A warning for each satellite that could not be told."""
    nodes = [node for _, node in sorted(services.controller.cluster.nodes.items()) if node.type.runs_satellite]
    told = await asyncio.gather(*(services.set_log_levels(key_of(node.name), levels) for node in nodes))
    return [call.rc(rc.Severity.WARN, NOT_CONNECTED, f"The satellite '{node.name}' keeps its log level.",
                    cause="It is not connected, or of a release that can't change it.",
                    correction="Repeat the call when it is there.", refs={"Node": node.name})
            for node, answer in zip(nodes, told, strict=True) if answer is None]


async def modify_node(services: Services, call: Call[rest.NodeConfigModify]) -> object:
    """Only log levels change at run time. Raises Conflict (995) where the satellite can't be told."""
    node = lookups.node(services.controller.cluster, call.path["node"], bare=True)
    log = call.body.log or rest.LogModify()
    levels = _levels(log.level or log.level_global, log.level_linstor or log.level_linstor_global)
    if not levels:
        raise _nothing_given(Code.INVLD_REQUEST)
    if await services.set_log_levels(key_of(node.name), levels) is None:
        raise Conflict(f"The satellite '{node.name}' could not be told.", Code.NOT_CONNECTED, bare=True,
                       cause="It is not connected, or of a release that can't change its log level.",
                       correction="Repeat the call when it is there.", refs={"Node": node.name})
    return [call.rc(rc.Severity.SUCCESS, rc.MODIFIED, f"The log level of the satellite '{node.name}' is changed until "
                    "its next start.", refs={"Node": node.name})]


def _levels(libraries: str | None, ours: str | None) -> dict[str, str]:
    """The levels that are given, by the logger's name. Raises InvalidInput (230) for what is none."""
    return {logger: _level(text) for logger, text in ((LIBRARIES, libraries), (OURS, ours)) if text is not None}


def _level(text: str) -> str:
    if text.upper() not in LEVELS:
        raise InvalidInput(f"'{text}' is not a log level.", Code.INVLD_CONF, bare=True,
                           correction=f"Choose one of {', '.join(LEVELS)}.")
    return text.upper()


def _nothing_given(code: Code) -> InvalidInput:
    return InvalidInput("No log level is given, and nothing else can be changed at run time.", code, bare=True,
                        correction='Send for instance {"log": {"level_linstor": "DEBUG"}}.')


_PATH = "/v1/controller/config"
ROUTES = (
    Route("GET", _PATH, "With what the controller runs", service=show, answer=rest.ControllerConfig),
    Route("PUT", _PATH, "Change log levels until the next start", service=modify, body=rest.ControllerConfigModify,
          mask=rc.Operation.MODIFY | rc.Subject.CTRL_CONF),
    Route("PUT", "/v1/nodes/<node>/config", "Change a satellite's log levels until its next start",
          service=modify_node, body=rest.NodeConfigModify, mask=rc.Operation.MODIFY | rc.Subject.NODE),
)
