"""The store's transactions, on either database."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from sagewright.store.database import Database


def test_the_version_tells_that_something_was_kept(database: Database) -> None:
    """Where others may write it tells nothing, so that nobody relies on it."""
    before = database.version
    if not database.embedded:
        assert before is None
        return
    with pytest.raises(ZeroDivisionError), database.write():
        raise ZeroDivisionError
    with database.read() as connection:
        connection.execute(text("SELECT 1"))
    assert database.version == before
    with database.write() as connection:
        connection.execute(text("DELETE FROM jobs"))
    assert database.version != before
