"""Why a call to the controller did not do what was asked.

    ClientError
    ├── ConnectionFailed      no controller could be reached; nothing was done
    ├── AnswerTimeout         a controller took the call and hung up or did not answer in time: it may still do it
    │   └── HungUp            it hung up
    ├── UnexpectedReply       what answered does not speak REST v1
    └── ApiCallError          the controller refused, or could not finish, what was asked
        ├── ObjectNotFound    300-323
        ├── ObjectExists      500-528
        ├── InvalidRequest    200-244, 600-611 and bodies that do not parse
        ├── AccessRefused     400-424, or credentials are missing
        └── StateConflict     800-999: the state of the cluster does not allow it
            ├── InUse           997: a node has it open
            ├── NoSpace         980: no pool has enough free space
            └── NotEnoughNodes  996: the rules for placing it leave too few nodes
"""

from __future__ import annotations

from collections.abc import Sequence

from linstor_core.domain.errors import Code
from linstor_core.wire.api_call_rc import ApiCallRc

PARSE_ERROR = 0x7FFD
"""The low bits of LINSTOR's API_CALL_PARSE_ERROR."""
SIGN_IN_FAILED = (10000, 10001)


class ClientError(Exception):
    """Any of the cases above."""


class ConnectionFailed(ClientError):
    """`attempts` has one text a controller, in the order in which they were tried."""

    def __init__(self, attempts: Sequence[str]) -> None:
        super().__init__("No controller can be reached: " + "; ".join(attempts))
        self.attempts = tuple(attempts)


class AnswerTimeout(ClientError):
    """Ask for the state of the object before repeating a call that is not idempotent."""


class HungUp(AnswerTimeout):
    """The connection broke before an answer came."""


class UnexpectedReply(ClientError):
    """The text says what came instead."""


class ApiCallError(ClientError):
    """`entries` is the whole answer, `error` the first of its errors and `code` the low 15 bits of that one."""

    def __init__(self, entries: Sequence[ApiCallRc], status: int = 0) -> None:
        self.entries = tuple(entries)
        self.status = status
        self.error = next((entry for entry in self.entries if entry.is_error), ApiCallRc(0, f"HTTP status {status}"))
        self.code = self.error.code
        parts = (self.error.message, self.error.cause, self.error.correction)
        super().__init__(" ".join(part for part in parts if part))

    def is_about(self, *codes: Code) -> bool:
        """Whether the refusal is one of these."""
        return self.code in codes


class ObjectNotFound(ApiCallError):
    """Something that was named does not exist."""


class ObjectExists(ApiCallError):
    """The name or number is taken."""


class InvalidRequest(ApiCallError):
    """No cluster could do this, whatever its state."""


class AccessRefused(ApiCallError):
    """The caller may not do this, or did not say who is calling."""


class StateConflict(ApiCallError):
    """The state of the cluster does not allow it now."""


class InUse(StateConflict):
    """A node has it open: close it there first."""


class NoSpace(StateConflict):
    """No pool has enough free space."""


class NotEnoughNodes(StateConflict):
    """The rules for placing it leave too few nodes; `error.details` says why each pool fell out."""


_RANGES: tuple[tuple[int, int, type[ApiCallError]], ...] = (
    (997, 997, InUse), (980, 980, NoSpace), (996, 996, NotEnoughNodes),
    (200, 299, InvalidRequest), (300, 399, ObjectNotFound), (400, 499, AccessRefused), (500, 599, ObjectExists),
    (600, 699, InvalidRequest), (800, 999, StateConflict), (*SIGN_IN_FAILED, AccessRefused),
    (PARSE_ERROR, PARSE_ERROR, InvalidRequest),
)


def api_call_error(entries: Sequence[ApiCallRc], status: int = 0) -> ApiCallError:
    """The error for an answer, of the class that its code has."""
    error = ApiCallError(entries, status)
    if status == 401:
        return AccessRefused(entries, status)
    found = next((cls for low, high, cls in _RANGES if low <= error.code <= high), ApiCallError)
    return found(entries, status)
