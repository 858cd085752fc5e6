"""Rich's console for texts of users."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment

from sagewright.cli.options import plain


class TerminalConsole(Console):
    """Replaces control characters in all that is printed, except those that rich itself adds: a job's log line, a name or a reason
    could otherwise move the cursor, rename the window or answer for the user."""

    def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
        for one in super().render(renderable, options):
            yield one if one.control else Segment(plain(one.text), one.style)
