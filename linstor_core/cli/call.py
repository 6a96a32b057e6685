"""One command being carried out: its arguments, the way to the controller, and where to show what came."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from linstor_core.cli import exit_codes
from linstor_core.cli.screen import Column, Screen
from linstor_core.client.errors import ApiCallError

if TYPE_CHECKING:
    from linstor_core.cli.planning import PlanTransport
    from linstor_core.client.client import LinstorClient
    from linstor_core.client.transport import Reply, Transport
    from linstor_core.wire.api_call_rc import ApiCallRc


class CallFailed(Exception):
    """Ends the command with this exit code; the text goes to stderr."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Recorder:
    """Passes calls on and keeps the last answer as it came, for --machine-readable."""

    def __init__(self, transport: Transport, planner: PlanTransport | None, url: Callable[[], str]) -> None:
        self._transport = transport
        self.planner = planner
        self.url = url
        self.last: Reply | None = None

    def request(self, method: str, path: str, body: bytes | None = None) -> Reply:
        self.last = self._transport.request(method, path, body)
        return self.last


class Call:
    """`args` are the command's own; `prompt` asks for a secret without showing it."""

    def __init__(self, args: Namespace, client: LinstorClient, screen: Screen, recorder: Recorder) -> None:
        self.args = args
        self.client = client
        self.screen = screen
        self._recorder = recorder
        self.exit_code = exit_codes.OK

    @property
    def is_planning(self) -> bool:
        """Nothing is done: what is waited for will never come."""
        return self._recorder.planner is not None

    @property
    def controller_url(self) -> str:
        """Of the controller that answered last."""
        return self._recorder.url()

    @property
    def as_json(self) -> bool:
        return self.screen.style.quiet_json

    def show(self, entries: Iterable[ApiCallRc]) -> None:
        """The answer of calls that change something, as they come; as JSON all of them in one list.

        What the calls before a refused one did is shown all the same.
        """
        if self.is_planning:
            tuple(entries)
            return
        if not self.as_json:
            if self.screen.entries(entries):
                self.exit_code = exit_codes.API_ERROR
            return
        shown: list[ApiCallRc] = []
        try:
            shown.extend(entries)
        except ApiCallError as refusal:
            shown.extend(refusal.entries)
            self.exit_code = exit_codes.API_ERROR
        self.screen.json(msgspec.json.encode(shown))

    def remark(self, reports: Iterable[ApiCallRc]) -> None:
        """What a list says about its objects, each text once: no failure of the command."""
        if not self.as_json:
            self.screen.entries({report.message: report for report in reports}.values())

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Any]], bare_json: bool = False) -> None:
        """A list: the raw body as JSON, or a table sorted by --groupby, else by its first column."""
        if self.shown_as_json(bare_json):
            return
        shown = getattr(self.args, "show_props", None) or ()
        columns = [*columns, *(Column(prop.partition("=")[2] or prop) for prop in shown)]
        groups = getattr(self.args, "groupby", None) or [columns[0].name]
        self.screen.table(columns, rows, group_by=groups, pastable=getattr(self.args, "pastable", False))

    def extra_cells(self, props: dict[str, str]) -> list[str]:
        """The cells for --show-props."""
        return [props.get(prop.partition("=")[0], "") for prop in getattr(self.args, "show_props", None) or ()]

    def shown_as_json(self, bare: bool = False) -> bool:
        """Print the last answer raw where JSON was asked for: in a list, or `bare` where LINSTOR has none."""
        if self.as_json and self._recorder.last is not None:
            content = self._recorder.last.content
            self.screen.json(content if bare else b"[" + content + b"]")
        return self.as_json

    def shown_as_document(self) -> None:
        """The last answer is a document, however it is looked at."""
        if self._recorder.last is not None:
            self.screen.json(self._recorder.last.content)

    def properties(self, props: dict[str, str]) -> None:
        """LINSTOR's client gives properties to scripts as a list of keys and values."""
        if self.as_json:
            pairs = [{"key": key, "value": value} for key, value in props.items()]
            self.screen.json(msgspec.json.encode([pairs]))
            return
        self.screen.table([Column("Key"), Column("Value")], sorted(props.items()), pastable=self.args.pastable)
