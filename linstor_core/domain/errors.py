"""Every refusal that the product can give.

    LinstorError
    ├── NotFound            300-323: an object that was named does not exist
    ├── AlreadyExists       500-528
    ├── InvalidInput        200-244: a name, size, property … that no object can have
    ├── NumbersExhausted    800-807: no port, minor number … is left
    ├── Conflict            900-999: the state of the cluster does not allow it (in use, no space, too few nodes …)
    └── DatabaseUnavailable 100: the change could not be made durable
        └── DatabaseNewer   100: a newer release wrote the database; no attempt of this one will change that

Each carries what LINSTOR's ApiCallRc carries. The operation and object bits of the return code come from the route.
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """The low 15 bits of LINSTOR's return codes, by LINSTOR's names less their FAIL_ prefix."""

    SQL = 100
    INVLD_NODE_NAME = 200
    INVLD_NODE_TYPE = 201
    INVLD_RSC_NAME = 202
    INVLD_RSC_PORT = 203
    INVLD_NODE_ID = 204
    INVLD_VLM_NR = 205
    INVLD_VLM_SIZE = 206
    INVLD_MINOR_NR = 207
    INVLD_STOR_POOL_NAME = 208
    INVLD_NET_NAME = 209
    INVLD_NET_ADDR = 210
    INVLD_NET_PORT = 211
    INVLD_NET_TYPE = 212
    INVLD_PROP = 213
    INVLD_TRANSPORT_TYPE = 214
    INVLD_TCP_PORT = 215
    INVLD_CRYPT_PASSPHRASE = 216
    INVLD_ENCRYPT_TYPE = 217
    INVLD_SNAPSHOT_NAME = 218
    INVLD_PLACE_COUNT = 219
    INVLD_STOR_DRIVER = 221
    INVLD_KVS_NAME = 223
    INVLD_LAYER_KIND = 224
    INVLD_LAYER_STACK = 225
    INVLD_EXT_NAME = 226
    INVLD_PROVIDER = 227
    INVLD_VLM_SIZES = 228
    INVLD_VLM_COUNT = 229
    INVLD_CONF = 230
    INVLD_REQUEST = 234
    INVLD_EXT_FILE_NAME = 235
    INVLD_EXT_FILE = 236
    INVLD_RSC_GRP_NAME = 237
    INVLD_BACKUP_CONFIG = 238
    INVLD_REMOTE_NAME = 239
    INVLD_TIME_PARAM = 240
    INVLD_SCHEDULE_NAME = 241
    NOT_FOUND_NODE = 300
    NOT_FOUND_RSC_DFN = 301
    NOT_FOUND_RSC = 302
    NOT_FOUND_VLM_DFN = 303
    NOT_FOUND_VLM = 304
    NOT_FOUND_NET_IF = 305
    NOT_FOUND_NODE_CONN = 306
    NOT_FOUND_RSC_CONN = 307
    NOT_FOUND_VLM_CONN = 308
    NOT_FOUND_STOR_POOL_DFN = 309
    NOT_FOUND_STOR_POOL = 310
    NOT_FOUND_DFLT_STOR_POOL = 311
    NOT_FOUND_CRYPT_KEY = 312
    NOT_FOUND_SNAPSHOT_DFN = 313
    NOT_FOUND_SNAPSHOT_VLM_DFN = 314
    NOT_FOUND_SNAPSHOT = 315
    NOT_FOUND_KVS = 316
    NOT_FOUND_RSC_GRP = 317
    NOT_FOUND_VLM_GRP = 318
    NOT_FOUND_EXT_FILE = 320
    NOT_FOUND_REMOTE = 321
    NOT_FOUND_SCHEDULE = 323
    NOT_FOUND_AUTH_TOKEN = 324
    NOT_FOUND_JOB = 390
    NOT_FOUND_TOMBSTONE = 391
    NOT_FOUND_ORPHAN = 392
    ACC_DENIED_TOKEN = 412
    EXISTS_NODE = 500
    EXISTS_RSC_DFN = 501
    EXISTS_RSC = 502
    EXISTS_VLM_DFN = 503
    EXISTS_VLM = 504
    EXISTS_NET_IF = 505
    EXISTS_STOR_POOL_DFN = 509
    EXISTS_STOR_POOL = 510
    EXISTS_CRYPT_PASSPHRASE = 512
    EXISTS_SNAPSHOT_DFN = 514
    EXISTS_EXT_NAME = 517
    EXISTS_RSC_GRP = 522
    EXISTS_VLM_GRP = 523
    EXISTS_REMOTE = 527
    EXISTS_SCHEDULE = 528
    MISSING_PROPS = 600
    MISSING_NETCOM = 603
    MISSING_EXT_NAME = 606
    MISSING_STLT_CONN = 609
    IN_USE = 997
    UNKNOWN_ERROR = 998
    IMPL_ERROR = 999
    NOT_ENOUGH_NODES = 996
    NOT_CONNECTED = 995
    SNAPSHOTS_NOT_SUPPORTED = 994
    BUSY = 992
    STOR_POOL_CONFIGURATION = 990
    PROVIDER_UNSUPPORTED = 989
    LAYER_UNSUPPORTED = 988
    NOT_ENOUGH_FREE_SPACE = 980
    EVACUATING = 975


class LinstorError(Exception):
    """A refusal with everything an administrator needs to know.

    `code` is a `Code`; `refs` name the objects (LINSTOR's obj_refs); `bare` leaves the operation and object bits out of
    the return code, which is how LINSTOR answers where a call fails before it knows its object. `status` is the HTTP
    status where it is not the one that follows from the code.
    """

    def __init__(self, message: str, code: int = 0, *, cause: str = "", correction: str = "", details: str = "",
                 refs: dict[str, str] | None = None, bare: bool = False, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = int(code)
        self.cause = cause
        self.correction = correction
        self.details = details
        self.refs = refs or {}
        self.bare = bare
        self.status = status


class NotFound(LinstorError):
    """An object that was named does not exist (300-323)."""


class AlreadyExists(LinstorError):
    """The name or number is taken (500-528)."""


class InvalidInput(LinstorError):
    """A value that no object can have (200-244)."""


class NumbersExhausted(LinstorError):
    """A pool of numbers has none left (800-807)."""


class Conflict(LinstorError):
    """The state of the cluster does not allow it (900-999)."""


class DatabaseUnavailable(LinstorError):
    """The change could not be made durable; nothing was changed."""


class DatabaseNewer(DatabaseUnavailable):
    """A newer release wrote the database: trying again does not help."""
