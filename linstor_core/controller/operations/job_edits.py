"""How a job is written on: pure, so that what is decided twice is written once."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations.move_checks import Obstacle
from linstor_core.domain.cluster import Document, Key
from linstor_core.domain.jobs import Job, JobState, JobStep

MAX_STEPS = 40
"""What a job remembers of its past; one that is tried again and again must not grow for ever."""
REPEATED = 3
"""A step that is among the last few already is written once, with the newest time."""
CALM_MS = 3_000
"""A reason that only changes its numbers is written anew this often at most."""


def went(job: Job, context: Context, message: str, **fields: Any) -> Job:
    """The job after something was done."""
    now_ms = context.now_ms()
    before = [step for index, step in enumerate(job.steps, -len(job.steps))
              if index < -REPEATED or step.message != message]
    steps = (*before, JobStep(message, now_ms))[-MAX_STEPS:]
    given = {"state": JobState.RUNNING, "blocked_by": "", "blocked_code": 0, "message": message, **fields}
    return structs.replace(job, steps=steps, changed_ms=now_ms, **given)


def ended(job: Job, context: Context, state: JobState, message: str) -> Job:
    return went(job, context, message, state=state, secret="", ending=None)


def waiting(job: Job, context: Context, obstacle: Obstacle) -> Job:
    """The job, with why it can't go on; the same one where that is known already."""
    is_known = job.state is JobState.WAITING and job.blocked_code == obstacle.code
    if is_known and (job.blocked_by == obstacle.text or context.now_ms() - job.changed_ms < CALM_MS):
        return job
    return structs.replace(job, state=JobState.WAITING, blocked_by=obstacle.text, blocked_code=obstacle.code,
                           changed_ms=context.now_ms())


def working(job: Job, context: Context) -> Job:
    """The job while nothing hinders it."""
    if job.state is JobState.RUNNING:
        return job
    return structs.replace(job, state=JobState.RUNNING, blocked_by="", blocked_code=0, changed_ms=context.now_ms())


def change(before: Job, after: Job, *puts: Document, deletes: tuple[tuple[type, Key], ...] = ()) -> Change:
    """Nothing where the job is what it was and nothing else changes."""
    if after is before and not puts and not deletes:
        return Change()
    return Change((*puts, after) if after is not before else puts, deletes)
