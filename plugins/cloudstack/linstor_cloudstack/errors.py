"""Why something was not done.

    OperatorError
    ├── Refused              this tool does not do it: the text says why and what to do
    └── CloudStackError      CloudStack did not
        ├── Unreachable      no answer came; a call that changes something may have been carried out
        ├── CallRefused      CloudStack said no, `code` is its error code
        ├── JobFailed        it took the job and could not do it
        ├── JobUnfinished    the job is still running: it goes on without us
        └── OddAnswer        what answered is not CloudStack's API
"""

from __future__ import annotations


class OperatorError(Exception):
    """Any of the cases above."""


class Refused(OperatorError):
    """Nothing was changed by the step that raised it."""


class CloudStackError(OperatorError):
    """Any of CloudStack's."""


class Unreachable(CloudStackError):
    """Ask what is there before repeating a call that changes something."""


class CallRefused(CloudStackError):
    def __init__(self, command: str, code: int, text: str) -> None:
        super().__init__(f"CloudStack refused {command} ({code}): {text}")
        self.code = code


class JobFailed(CloudStackError):
    def __init__(self, command: str, code: int, text: str) -> None:
        super().__init__(f"CloudStack could not finish {command} ({code}): {text}")
        self.code = code


class JobUnfinished(CloudStackError):
    """The text has the job's id."""


class OddAnswer(CloudStackError):
    """The text says what came instead."""
