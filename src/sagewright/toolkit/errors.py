"""Errors that end a job in script mode, and their text for /opt/ml/output/failure.

ToolkitError
├── CodeError               the archive of the code is at fault
├── FrameworkError          the job asks for something unavailable; the message names it
└── UserError               the user's script or packages failed: class name, exit code, end of its output, command
"""

from __future__ import annotations

import re

_MESSAGE_CHARS = 800  # FailureReason shows 1024 characters, which must include the last line of a traceback
_TRACEBACK = re.compile(rb"^(?:\s*|.*\|\s*)Traceback \(most recent call last\):", re.MULTILINE)


class ToolkitError(Exception):
    exit_code = 1

    def failure(self) -> str:
        """Returns the text of the failure file."""
        raise NotImplementedError


class FrameworkError(ToolkitError):
    def failure(self) -> str:
        return f"Framework Error: \n{self}"


class CodeError(ToolkitError):
    exit_code = 2  # an error of the request: a ClientError

    def failure(self) -> str:
        return str(self)


class UserScriptError(ToolkitError):
    """`name`: ExecuteUserScriptError, InstallModuleError or InstallRequirementsError; `tail`: the end of the output."""

    def __init__(self, name: str, exit_code: int, tail: bytes, command: list[str]) -> None:
        super().__init__(name)
        self.name = name
        self.exit_code = exit_code
        self.tail = tail
        self.command = command

    def failure(self) -> str:
        command = " ".join(self.command)
        return (
            f'{self.name}:\nExitCode {self.exit_code}\nErrorMessage "{error_message(self.tail)}"\nCommand "{command}"'
        )


def error_message(tail: bytes) -> str:
    """Returns the relevant end of the output: the last traceback, else the last lines.

    Standard output and error are one stream, which preserves their order; the traceback marks the beginning of the error.
    """
    starts = [match.start() for match in _TRACEBACK.finditer(tail)]
    text = (tail[starts[-1] :] if starts else tail).decode(errors="replace").strip()
    if len(text) <= _MESSAGE_CHARS:
        return text
    if starts:
        return _shortened(text)
    return text[-_MESSAGE_CHARS:].partition("\n")[2] or text[-_MESSAGE_CHARS:]


def _shortened(traceback: str) -> str:
    """Returns the exception, followed by as much of the traceback as fits."""
    lines = traceback.splitlines()
    exception = next(
        (number for number, line in enumerate(lines[1:], 1) if line and not line.startswith(" ")), len(lines) - 1
    )
    message = "\n".join(lines[exception:])[:_MESSAGE_CHARS]
    room = _MESSAGE_CHARS - len(message) - 1
    way = "\n".join(lines[:exception])[-room:].partition("\n")[2] if room > 80 else ""
    return f"{way}\n{message}" if way else message
