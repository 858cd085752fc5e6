"""The queue's own time: when each owner's last turn began and ended, in shares of the machine by weight."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, select

from sagewright.store.database import Database
from sagewright.store.schema.reservations import queue_turns

_OF_MACHINE = select(queue_turns.c.owner, queue_turns.c.start, queue_turns.c.finish).where(
    queue_turns.c.machine == bindparam("machine")
)
_REMOVE = delete(queue_turns).where(
    queue_turns.c.machine == bindparam("of_machine"), queue_turns.c.owner == bindparam("of_owner")
)


def turns_of(store: Database, machine: str) -> dict[str, tuple[float, float]]:
    """Returns the start and the finish of each owner's last turn."""
    with store.read() as connection:
        return {row[0]: (row[1], row[2]) for row in connection.execute(_OF_MACHINE, {"machine": machine})}


def put_turn(connection: Connection, machine: str, owner: str, turn: tuple[float, float]) -> None:
    """Stores an owner's last turn, in the transaction that gives its job a share."""
    connection.execute(_REMOVE, {"of_machine": machine, "of_owner": owner})
    row = {"machine": machine, "owner": owner, "start": turn[0], "finish": turn[1]}
    connection.execute(insert(queue_turns), row)
