"""LINSTOR's return codes: a type, an operation, an object and a number in one signed 64-bit integer.

Bits 62-63 hold the type, 24-25 the operation, 18-22 the object, 0-14 the code. Source: LINSTOR's public constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from msgspec import Struct


class Severity(IntEnum):
    """The type bits. ERROR has both of them: test it first."""

    SUCCESS = 0
    INFO = 0x4000000000000000
    WARN = 0x8000000000000000
    ERROR = 0xC000000000000000


class Operation(IntEnum):
    """What was asked for."""

    NONE = 0
    CREATE = 0x1000000
    MODIFY = 0x2000000
    DELETE = 0x3000000


class Subject(IntEnum):
    """The kind of object that an entry is about."""

    NONE = 0
    REMOTE = 0x40000
    BACKUP = 0x80000
    SNAPSHOT = 0xC0000
    CTRL_CONF = 0x100000
    STOR_POOL = 0x140000
    STOR_POOL_DFN = 0x180000
    NET_IF = 0x1C0000
    VLM_CONN = 0x200000
    RSC_CONN = 0x240000
    NODE_CONN = 0x280000
    VLM = 0x2C0000
    VLM_DFN = 0x300000
    RSC = 0x340000
    RSC_DFN = 0x380000
    NODE = 0x3C0000
    KVS = 0x400000
    RSC_GRP = 0x440000
    VLM_GRP = 0x480000
    PHYSICAL_DEVICE = 0x4C0000
    EXT_FILES = 0x500000
    SCHEDULE = 0x540000


CODE_MASK = 0x7FFF
CREATED = 1
DELETED = 2
MODIFIED = 3


class ApiCallRc(Struct, frozen=True, omit_defaults=True):
    """One entry of the list that every mutating call answers. `created_at` is filled in when it leaves."""

    ret_code: int
    message: str
    cause: str = ""
    details: str = ""
    correction: str = ""
    error_report_ids: tuple[str, ...] = ()
    obj_refs: Mapping[str, str | None] = {}
    created_at: str = ""

    @property
    def is_error(self) -> bool:
        return self.ret_code & Severity.ERROR == Severity.ERROR

    @property
    def code(self) -> int:
        return self.ret_code & CODE_MASK


def ret_code(severity: int, code: int, operation: int = 0, subject: int = 0) -> int:
    """The signed number as it stands in JSON."""
    value = int(severity) | int(operation) | int(subject) | code
    return value - (1 << 64) if value >= 1 << 63 else value


def entry(severity: int, code: int, mask: int, message: str, *, cause: str = "", details: str = "",
          correction: str = "", obj_refs: dict[str, str] | None = None) -> ApiCallRc:
    """An entry; `mask` is an Operation and a Subject together."""
    return ApiCallRc(ret_code(severity, code, mask), message, cause, details, correction, (), obj_refs or {})


def http_status(entries: list[ApiCallRc] | tuple[ApiCallRc, ...], success: int) -> int:
    """LINSTOR's rule: the first error decides; not found 404, access 403, everything else 500."""
    first = next((item for item in entries if item.is_error), None)
    if first is None:
        return success
    if 300 <= first.code < 400:
        return 404
    if 400 <= first.code < 500:
        return 403
    return 500
