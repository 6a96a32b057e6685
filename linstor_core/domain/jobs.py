"""Jobs: work that takes more than one round with satellites. All of it is in the model, so a restart loses none."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field


class JobKind(StrEnum):
    """MOVE takes one resource to another node, EVACUATE everything off a node, EVICT keeps account of a lost one."""

    MOVE = "MOVE"
    EVACUATE = "EVACUATE"
    EVICT = "EVICT"


class JobState(StrEnum):
    """WAITING goes on by itself once what `blocked_by` names is over; the last three are final."""

    RUNNING = "RUNNING"
    WAITING = "WAITING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


FINAL = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


class Stage(StrEnum):
    """Where a move is. From OPENING on it only goes forward: the target's device may be written to."""

    CHECKING = "CHECKING"
    """Nothing was changed yet."""
    CLOSING = "CLOSING"
    """The source's devices go down, so that its content stands still."""
    COPYING = "COPYING"
    """The target fetches the content."""
    OPENING = "OPENING"
    """The target has all of it and sets up its devices."""
    REMOVING = "REMOVING"
    """The source goes."""
    REVERTING = "REVERTING"
    """The source is as it was before; what the target has of it goes."""


WITH_SLOT = frozenset({Stage.CLOSING, Stage.COPYING, Stage.OPENING, Stage.REMOVING})
REVERTIBLE = frozenset({Stage.CHECKING, Stage.CLOSING, Stage.COPYING, Stage.REVERTING})


class JobStep(Struct, frozen=True, gc=False):
    """What was done, and when."""

    message: str
    at_ms: int


class Job(Struct, frozen=True, gc=False):
    """`node_name` is what it is about: the source of a move, the node that is left or lost.

    A move of an evacuation has `parent`, the evacuation's uuid. `ending` is set once it is to be called off: what it
    becomes when everything is as before. `asked_target` and `asked_pool` are what the caller wants, `target_node` and
    `target_pools` (by volume number) what was chosen. `secret` is the token that lets the target fetch the content.
    """

    uuid: str
    kind: JobKind
    node_name: str
    state: JobState = JobState.RUNNING
    stage: Stage = Stage.CHECKING
    resource_name: str = ""
    resource_uuid: str = ""
    asked_target: str = ""
    asked_pool: str = ""
    target_node: str = ""
    target_pools: dict[int, str] = field(default_factory=dict)
    target_uuid: str = ""
    was_active: bool = True
    secret: str = ""
    parent: str = ""
    targets: tuple[str, ...] = ()
    """An evacuation's targets, all nodes where there are none; `avoided` are none in any case."""
    avoided: tuple[str, ...] = ()
    moved: int = 0
    """How many resources have left the node so far."""
    left_out: tuple[str, ...] = ()
    """The uuids of resources that an evacuation leaves where they are: their moves were called off by hand."""
    ending: JobState | None = None
    steps: tuple[JobStep, ...] = ()
    created_ms: int = 0
    changed_ms: int = 0
    tries: int = 0
    """How often it was begun in vain; each time it waits longer, until `not_before_ms`."""
    not_before_ms: int = 0
    message: str = ""
    blocked_by: str = ""
    blocked_code: int = 0
    """Of `blocked_by`: the low 15 bits of LINSTOR's return code."""

    def __repr__(self) -> str:
        return f"Job(uuid={self.uuid!r}, kind={self.kind}, state={self.state}, stage={self.stage}, " \
               f"node_name={self.node_name!r}, resource_name={self.resource_name!r})"

    @property
    def is_finished(self) -> bool:
        return self.state in FINAL

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """(definition key, node key) of the resources that a move works on; none once it is finished."""
        if self.kind is not JobKind.MOVE or self.is_finished:
            return ()
        nodes = (self.node_name, self.target_node) if self.target_uuid else (self.node_name,)
        return tuple((self.resource_name.upper(), node.upper()) for node in nodes)

    @property
    def holds_slot(self) -> bool:
        """Whether it counts for the number of moves that run on a node at a time."""
        return self.kind is JobKind.MOVE and self.state is JobState.RUNNING and self.stage in WITH_SLOT
