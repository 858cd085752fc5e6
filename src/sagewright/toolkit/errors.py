"""What ends a job in script mode, and the text of /opt/ml/output/failure for it.

ToolkitError
├── CodeError               the archive of the code is at fault
├── FrameworkError          the job asks for what cannot be given; the message names it
└── UserError               the user's script or packages failed: class name, exit code, end of its output, command
"""

from __future__ import annotations

import re

_MESSAGE_CHARS = 800  # FailureReason shows 1024 characters; the last line of a traceback must be among them
_TRACEBACK = re.compile(rb"^(?:\s*|.*\|\s*)Traceback \(most recent call last\):", re.MULTILINE)


class ToolkitError(Exception):
    exit_code = 1

    def failure(self) -> str:
        """The text of the failure file."""
        raise NotImplementedError


class FrameworkError(ToolkitError):
    def failure(self) -> str:
        return f"Framework Error: \n{self}"


class CodeError(ToolkitError):
    exit_code = 2  # the request's fault: a ClientError

    def failure(self) -> str:
        return str(self)


class ScriptError(ToolkitError):
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
    """The part of the output's end that says what went wrong: the last traceback, else the last lines.

    Standard output and error are one stream, so that their order is kept; the traceback marks where the error begins.
    """
    starts = [match.start() for match in _TRACEBACK.finditer(tail)]
    text = (tail[starts[-1] :] if starts else tail).decode(errors="replace").strip()
    if len(text) <= _MESSAGE_CHARS:
        return text
    if starts:
        return _shortened(text)
    return text[-_MESSAGE_CHARS:].partition("\n")[2] or text[-_MESSAGE_CHARS:]


def _shortened(traceback: str) -> str:
    """The exception first, then as much of the way to it as there is room for."""
    lines = traceback.splitlines()
    exception = next(
        (number for number, line in enumerate(lines[1:], 1) if line and not line.startswith(" ")), len(lines) - 1
    )
    message = "\n".join(lines[exception:])[:_MESSAGE_CHARS]
    room = _MESSAGE_CHARS - len(message) - 1
    way = "\n".join(lines[:exception])[-room:].partition("\n")[2] if room > 80 else ""
    return f"{way}\n{message}" if way else message
