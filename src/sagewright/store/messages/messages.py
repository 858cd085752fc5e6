"""Messages of queues: sent, received and hidden for a while, and received again unless they are deleted."""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, update

from sagewright.model.clock import now_ms
from sagewright.store.absent import insert_absent
from sagewright.store.database import Database
from sagewright.store.schema.messages import message_tokens, messages

MOST_KEPT_MS = 14 * 86_400_000
"""Maximum retention of any queue; unreceived messages are deleted after it at the latest."""

DEAD_LETTER_SOURCE = "DeadLetterQueueSourceArn"
"""The attribute of a dead letter that names its source queue."""

TOKEN_MS = 5 * 60 * 1000
"""Deduplication interval of a FIFO queue. Source: AWS's guide, "Exactly-once processing in Amazon SQS"."""


@dataclass(frozen=True)
class MessageDraft:
    """A message to send. `group` and `token`: for FIFO queues, "" for none; `by_group`: True if tokens are unique within a group
    only.

    `system`: attributes set by SQS.
    """

    body: str
    attributes: dict[str, Any]
    sender: str
    delay_s: int = 0
    group: str = ""
    token: str = ""
    by_group: bool = False
    system: dict[str, str] = field(default_factory=dict)

    @property
    def kept_token(self) -> str:
        """Returns the key of the token; neither a token nor a group contains a space."""
        return f"{self.token} of {self.group}" if self.by_group else self.token


@dataclass(frozen=True)
class Sent:
    """`sequence`: the message's number in a FIFO queue, "" in others."""

    message_id: str
    sequence: str = ""


@dataclass(frozen=True)
class QueueMessage:
    """See the table for the columns."""

    id: int
    queue_id: str
    message_id: str
    body: str
    attributes: dict[str, Any]
    sender: str
    sent_ms: int
    visible_ms: int
    received_ms: int | None
    receives: int
    handle: str | None
    group_name: str
    system: dict[str, str]


@dataclass(frozen=True)
class Reception:
    """Parameters of a receive. `most_receives`: a message received this many times moves to the queue `dead` instead, as one from
    the queue with the ARN `source`."""

    most: int
    hidden_ms: int
    oldest_ms: int
    fifo: bool = False
    most_receives: int = 0
    dead: str = ""
    source: str = ""


@dataclass(frozen=True)
class Count:
    """Messages of a queue: those that can be received, those in flight (hidden), and those that are delayed."""

    visible: int
    hidden: int
    delayed: int


_COLUMNS = [messages.c[name] for name in QueueMessage.__dataclass_fields__]


class _Numbers:
    """Message numbers: 20 digits that increase with the clock, because row ids are reused."""

    _FIRST = 17 * 10**18

    def __init__(self) -> None:
        self._lock, self._last = threading.Lock(), 0

    def next(self) -> str:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns())
            return str(self._FIRST + self._last)


_numbers = _Numbers()


def send(store: Database, queue_id: str, drafts: Sequence[MessageDraft]) -> list[Sent]:
    """Sends messages in the order of `drafts`."""
    with store.write() as connection:
        return [send_in(connection, queue_id, draft) for draft in drafts]


def send_in(connection: Connection, queue_id: str, draft: MessageDraft) -> Sent:
    """Sends a message inside the caller's transaction. A FIFO queue skips duplicates."""
    now = now_ms()
    _forget(connection, queue_id, now - MOST_KEPT_MS)
    if draft.token:
        sent, known = remembered_in(connection, queue_id, draft)
        if known:
            return sent
    else:
        sent = Sent(str(uuid.uuid4()))
    row = {
        "queue_id": queue_id, "message_id": sent.message_id, "body": draft.body, "attributes": draft.attributes,
        "sender": draft.sender, "sent_ms": now, "visible_ms": now + draft.delay_s * 1000, "group_name": draft.group,
        "system": draft.system | ({"SequenceNumber": sent.sequence} if sent.sequence else {}),
    }  # fmt: skip
    connection.execute(insert(messages), row)
    return sent


def remembered_in(connection: Connection, holder_id: str, draft: MessageDraft) -> tuple[Sent, bool]:
    """Returns the message that a FIFO queue or topic knows by the draft's token, and True; otherwise a new one, which it now knows,
    and False."""
    now = now_ms()
    either = {draft.token, draft.kept_token}  # a token from when deduplication covered all groups still counts
    here = and_(message_tokens.c.queue_id == holder_id, message_tokens.c.token.in_(either))
    connection.execute(
        delete(message_tokens).where(message_tokens.c.queue_id == holder_id, message_tokens.c.at_ms < now - TOKEN_MS)
    )
    stored = select(message_tokens.c.message_id, message_tokens.c.sequence).where(here)
    known = connection.execute(stored).first()
    if known is None:
        sent = Sent(str(uuid.uuid4()), _numbers.next())
        row = {"queue_id": holder_id, "token": draft.kept_token, "at_ms": now, **vars(sent)}
        if insert_absent(connection, message_tokens, row):
            return sent, False
        known = connection.execute(stored).one()  # another server has stored it in the meantime
    return Sent(*known), True


def forget_tokens_in(connection: Connection, holder_id: str) -> None:
    """Deletes the tokens of a deleted FIFO queue or topic."""
    connection.execute(delete(message_tokens).where(message_tokens.c.queue_id == holder_id))


def receive(store: Database, queue_id: str, how: Reception) -> list[QueueMessage]:
    """Receives at most `how.most` messages, each with a new handle, and hides them for a while from other receivers."""
    now = now_ms()
    ready = _ready(queue_id, now, how)
    with store.read() as connection:
        if connection.execute(select(messages.c.id).where(*ready).limit(1)).first() is None:
            return []
    found: list[QueueMessage] = []
    with store.write() as connection:
        _forget(connection, queue_id, how.oldest_ms)
        for chosen in _by_group(connection, ready, how) if how.fifo else _by_time(connection, ready, how):
            message = _received(connection, chosen, now, how)
            found += [message] if message else []
    return found


def _by_time(connection: Connection, ready: list[Any], how: Reception) -> list[QueueMessage]:
    """Receives messages in the order of the index."""
    statement = select(*_COLUMNS).where(*ready).order_by(messages.c.visible_ms, messages.c.id).limit(how.most)
    return [QueueMessage(*row) for row in connection.execute(statement.with_for_update(skip_locked=True))]


def _by_group(connection: Connection, ready: list[Any], how: Reception) -> list[QueueMessage]:
    """Receives as many messages of one group as there are, in the order sent; then of the group that has waited longest.

    Source: AWS's guide, "FIFO queue delivery logic in Amazon SQS".
    """
    found: list[QueueMessage] = []
    groups: list[str] = []
    before = messages.alias()
    earlier = exists().where(
        before.c.queue_id == messages.c.queue_id,
        before.c.group_name == messages.c.group_name,
        before.c.id < messages.c.id,
    )
    heads = (
        select(messages.c.id, messages.c.group_name)
        .where(*ready, ~earlier)
        .order_by(messages.c.visible_ms, messages.c.id)
    )
    while len(found) < how.most:
        head = connection.execute(heads.where(messages.c.group_name.not_in(groups)).limit(1)).first()
        if head is None:
            break
        groups.append(head.group_name)
        own = select(*_COLUMNS).where(*ready, messages.c.group_name == head.group_name).order_by(messages.c.id)
        statement = own.limit(how.most - len(found)).with_for_update(skip_locked=True)
        taken = [QueueMessage(*row) for row in connection.execute(statement)]
        if taken and taken[0].id == head.id:  # otherwise another receiver is just getting the group's first message
            found += taken
    return found


def _forget(connection: Connection, queue_id: str, oldest_ms: int) -> None:
    """Deletes messages that could be received before then and were not, by the index: a queue may be long."""
    connection.execute(delete(messages).where(messages.c.queue_id == queue_id, messages.c.visible_ms < oldest_ms))


def _ready(queue_id: str, now: int, how: Reception) -> list[Any]:
    """Returns the conditions of a receivable message. A group of a FIFO queue is blocked while one of its messages is in flight."""
    ready: list[Any] = [
        messages.c.queue_id == queue_id,
        messages.c.visible_ms <= now,
        messages.c.sent_ms >= how.oldest_ms,
    ]
    if how.fifo:
        before = messages.alias()
        held = exists().where(
            before.c.queue_id == queue_id,
            before.c.group_name == messages.c.group_name,
            before.c.visible_ms > now,
            before.c.id < messages.c.id,
        )
        ready.append(~held)
    return ready


def _received(connection: Connection, message: QueueMessage, now: int, how: Reception) -> QueueMessage | None:
    """Returns the received message; None if it was received too often and is now a dead letter."""
    own = messages.c.id == message.id
    if how.most_receives and message.receives >= how.most_receives:
        system = message.system | {DEAD_LETTER_SOURCE: how.source}
        moved = {"queue_id": how.dead, "visible_ms": now, "handle": None, "system": system}
        connection.execute(update(messages).where(own).values(**moved))
        return None
    changed = {
        "visible_ms": now + how.hidden_ms,
        "received_ms": message.received_ms or now,
        "receives": message.receives + 1,
        "handle": f"{message.message_id[:8]}{secrets.token_hex(4)}{message.id:016x}",
    }
    connection.execute(update(messages).where(own).values(**changed))
    return QueueMessage(**{**vars(message), **changed})


def remove(store: Database, queue_id: str, handle: str, *, fifo: bool = False) -> bool:
    """Deletes the message with that handle: any handle that it had, but in a FIFO queue only the last, and while it is in flight.

    Returns False if a FIFO queue still has the message, but no longer in flight under that handle.
    """
    here = messages.c.queue_id == queue_id
    own = messages.c.handle == handle
    own = and_(own, messages.c.visible_ms > now_ms()) if fifo else or_(own, _had(handle))
    with store.write() as connection:
        if connection.execute(delete(messages).where(here, own)).rowcount or not fifo:
            return True
        return connection.execute(select(messages.c.id).where(here, _had(handle))).first() is None


def hide(store: Database, queue_id: str, handle: str, hidden_ms: int, *, earlier: bool = False) -> bool:
    """Hides the message with that handle for `hidden_ms`; returns True if there is one.

    `earlier`: an earlier handle counts too, while the message is in flight.
    """
    now = now_ms()
    its = messages.c.handle == handle
    if earlier:
        its = or_(its, and_(_had(handle), messages.c.visible_ms > now, messages.c.receives > 0))
    own = and_(messages.c.queue_id == queue_id, its)
    changed = update(messages).where(own).values(visible_ms=now + hidden_ms).returning(messages.c.id)
    with store.write() as connection:
        return connection.execute(changed).first() is not None


def _had(handle: str) -> ColumnElement[bool]:
    """Matches the message that was once received with that handle, which begins with the message's id and ends with the row's."""
    number = int(handle[-16:], 16)
    return and_(messages.c.id == (number if number < 2**63 else -1), messages.c.message_id.startswith(handle[:8]))


def count(store: Database, queue_id: str) -> Count:
    now = now_ms()
    later = messages.c.visible_ms > now
    statement = select(
        func.count().filter(messages.c.visible_ms <= now),
        func.count().filter(later, messages.c.receives > 0),
        func.count().filter(later, messages.c.receives == 0),
    ).where(messages.c.queue_id == queue_id)
    with store.read() as connection:
        return Count(*connection.execute(statement).one())


def movable_in(connection: Connection, queue_id: str, most: int) -> list[QueueMessage]:
    """Returns the receivable messages, oldest first, locked against other receivers until the transaction ends."""
    ready = (messages.c.queue_id == queue_id, messages.c.visible_ms <= now_ms())
    statement = select(*_COLUMNS).where(*ready).order_by(messages.c.visible_ms, messages.c.id).limit(most)
    return [QueueMessage(*row) for row in connection.execute(statement.with_for_update(skip_locked=True))]


def move_in(connection: Connection, message: QueueMessage, queue_id: str) -> None:
    """Moves the message to another queue as a new, unreceived one."""
    now, kept = now_ms(), {name: value for name, value in message.system.items() if name != DEAD_LETTER_SOURCE}
    new = {
        "queue_id": queue_id, "message_id": str(uuid.uuid4()), "sent_ms": now, "visible_ms": now, "received_ms": None,
        "receives": 0, "handle": None, "system": kept,
    }  # fmt: skip
    connection.execute(update(messages).where(messages.c.id == message.id).values(**new))


def purge_in(connection: Connection, queue_id: str) -> None:
    """Deletes all messages of a queue."""
    connection.execute(delete(messages).where(messages.c.queue_id == queue_id))
    connection.execute(delete(message_tokens).where(message_tokens.c.queue_id == queue_id))
