"""Splits the output of a process into log lines."""

from __future__ import annotations

MAX_LINE_BYTES = 256 * 1024


class LineSplitter:
    """Returns whole lines from chunks. A line over MAX_LINE_BYTES is split; invalid UTF-8 is replaced."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[str]:
        self._rest += chunk
        if b"\n" not in chunk and len(self._rest) < MAX_LINE_BYTES:
            return []
        if len(self._rest) < MAX_LINE_BYTES:  # no line is too long: process all of them at once
            whole_lines, _, after = bytes(self._rest).rpartition(b"\n")
            self._rest = bytearray(after)
            return _texts(whole_lines)
        *whole, rest = bytes(self._rest).split(b"\n")
        lines = [part for line in whole for part in _parts(line)]
        while len(rest) >= MAX_LINE_BYTES:
            lines.append(rest[:MAX_LINE_BYTES])
            rest = rest[MAX_LINE_BYTES:]
        self._rest = bytearray(rest)
        return [_text(line) for line in lines]

    def flush(self) -> list[str]:
        """Returns the rest, which has no end of line."""
        rest, self._rest = bytes(self._rest), bytearray()
        return [_text(rest)] if rest else []


def _parts(line: bytes) -> list[bytes]:
    starts = range(0, max(1, len(line)), MAX_LINE_BYTES)
    return [line[start : start + MAX_LINE_BYTES] for start in starts]


def _texts(block: bytes) -> list[str]:
    """Returns the result of `_text` for each line."""
    shown = block.decode(errors="replace").replace("\t", "#011").replace("\0", "\N{REPLACEMENT CHARACTER}")
    lines = shown.split("\n")
    return [line.removesuffix("\r") for line in lines] if "\r" in shown else lines


def _text(line: bytes) -> str:
    """Returns a line as SageMaker's logs show it.

    A tab becomes `#011`, which metric regexes rely on. NUL is replaced: no store accepts it.
    """
    text = line.removesuffix(b"\r").decode(errors="replace")
    return text.replace("\t", "#011").replace("\0", "\N{REPLACEMENT CHARACTER}")
