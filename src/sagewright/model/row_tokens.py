"""NextTokens that begin a page at a row's number, for a client that jumps into a long list.

A token that an operation returns names the last row of a page instead, so a list that changes between two pages repeats and omits
nothing. Lists below `services.paging` accept both.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import orjson

MOST_ROWS = 2**31 - 1


def row_token(rows: int) -> str:
    """Returns the token of the page after the first `rows` rows."""
    return base64.urlsafe_b64encode(orjson.dumps([{"rows": rows}])).decode()


def rows_before(position: Sequence[Any] | None) -> int | None:
    """Returns the number of rows before the page of a decoded token; None for another kind of token."""
    match position:
        case [{"rows": int(rows)}] if 0 <= rows <= MOST_ROWS and not isinstance(rows, bool):
            return rows
    return None
