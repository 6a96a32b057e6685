"""CloudStack's API: signed calls by `cs`, all pages of a list, jobs until they end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import cs
import msgspec
import requests

from linstor_cloudstack.errors import CallRefused, JobFailed, JobUnfinished, OddAnswer, Refused, Unreachable
from linstor_cloudstack.settings import Settings

T = TypeVar("T")
PAGE_SIZE = 500
"""CloudStack's default for the most it gives in one answer."""
LIST_TRIES = 4
READ_TRIES = 3
JOB_TIMEOUT_S = 6 * 3600.0
_RUNNING, _DONE = 0, 1

Observer = Callable[[str, float], None]
"""(command, seconds it took): told of every call."""
Progress = Callable[[float], None]
"""Seconds since the job began: told every time it is found running."""


class CloudStackApi:
    """Every method raises CloudStackError; see `errors` for the cases."""

    def __init__(self, settings: Settings, observe: Observer = lambda _, __: None,
                 sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic) -> None:
        # Parameters in the body: proxies and web servers write addresses into their logs.
        self._calls: Any = cs.CloudStack(
            endpoint=settings.endpoint, key=settings.key, secret=settings.secret, timeout=settings.timeout_s,
            method="post", verify=settings.ca_file or None)
        self._endpoint = settings.endpoint
        self._key = settings.key
        self._poll_s = settings.poll_s
        self._observe = observe
        self._sleep = sleep
        self._clock = clock

    def call(self, command: str, **parameters: Any) -> dict[str, Any]:
        """What only reads is asked again where the connection breaks."""
        tries = READ_TRIES if command.startswith(("list", "query")) else 1
        for _ in range(tries - 1):
            try:
                return self._call(command, parameters)
            except Unreachable:
                self._sleep(self._poll_s)
        return self._call(command, parameters)

    def _call(self, command: str, parameters: dict[str, Any]) -> dict[str, Any]:
        begun = self._clock()
        try:
            answer = getattr(self._calls, command)(**parameters)
        except cs.CloudStackApiException as error:
            raise CallRefused(command, *_told(error.error)) from None
        except cs.CloudStackException as error:
            raise OddAnswer(f"{self._endpoint} does not answer {command} like CloudStack: "
                            + " ".join(str(part) for part in error.args)) from None
        except requests.RequestException as error:
            # The text of the error may hold the signed parameters.
            raise Unreachable(f"CloudStack at {self._endpoint} did not answer {command} "
                              f"({type(error).__name__})") from None
        finally:
            self._observe(command, self._clock() - begun)
        if not isinstance(answer, dict):
            raise OddAnswer(f"{command} was answered with {type(answer).__name__}")
        return answer

    def account_type(self) -> int:
        """Of the user whose key this is; 1 is CloudStack's root administrator."""
        user = self.call("getUser", userapikey=self._key).get("user", {})
        return int(user.get("accounttype", -1)) if isinstance(user, dict) else -1

    def listed(self, command: str, kind: type[T], **parameters: Any) -> list[T]:
        """All pages. A list that changes while it is read is read again, so that nothing slips between two pages."""
        for _ in range(LIST_TRIES):
            found = self._pages(command, parameters)
            if found is not None:
                return [_decoded(command, item, kind) for item in found]
        raise Unreachable(f"{command} changed each of {LIST_TRIES} times it was read: try again")

    def _pages(self, command: str, parameters: dict[str, Any]) -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = []
        count: int | None = None
        page = 1
        while True:
            answer = self.call(command, **parameters, page=page, pagesize=PAGE_SIZE)
            items = next((value for value in answer.values() if isinstance(value, list)), [])
            total = int(answer.get("count", len(items)))
            if count is not None and items and total != count:
                return None
            count = total if count is None else count
            found += items
            if len(found) >= count:
                return None if _repeats(found) else found
            if not items:
                return None
            page += 1

    def job(self, command: str, progress: Progress = lambda _: None, timeout_s: float = JOB_TIMEOUT_S,
            **parameters: Any) -> dict[str, Any]:
        """Start what CloudStack does in the background and wait; gives the job's result.

        A management server that goes away meanwhile does not end a job: it is asked for again till the time is over.
        """
        begun = self._clock()
        started = self.call(command, **parameters)
        if "jobid" not in started:
            return started
        while True:
            try:
                status = self.call("queryAsyncJobResult", jobid=started["jobid"])
            except Unreachable:
                status = {"jobstatus": _RUNNING}
            state = status.get("jobstatus")
            if state == _DONE:
                result = status.get("jobresult")
                return result if isinstance(result, dict) else {}
            if state != _RUNNING:
                raise JobFailed(command, *_told(status.get("jobresult")))
            if self._clock() - begun > timeout_s:
                raise JobUnfinished(f"{command}: the job {started['jobid']} did not end within {timeout_s:g} s")
            progress(self._clock() - begun)
            self._sleep(self._poll_s)


def _repeats(items: list[dict[str, Any]]) -> bool:
    """Whether one came on two pages. The same id may well come twice: for each place where a snapshot is, say."""
    return len({msgspec.json.encode(item, order="sorted") for item in items}) < len(items)


def _told(error: object) -> tuple[int, str]:
    if not isinstance(error, dict):
        return 0, str(error)
    return int(error.get("errorcode", 0)), str(error.get("errortext", "it gave no reason"))


def _decoded(command: str, item: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(item, kind, strict=False)
    except msgspec.ValidationError as error:
        raise OddAnswer(f"{command} listed something that can't be understood: {error}") from None


def only(found: list[T], what: str, name: str) -> T:
    """Raises Refused where there is none, or more than one."""
    if len(found) != 1:
        raise Refused(f"CloudStack has {'no' if not found else 'several of the'} {what} '{name}'"
                      + ("" if not found else ": give its id"))
    return found[0]
