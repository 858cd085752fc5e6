"""Messages of queues."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text

from sagewright.store.schema.base import Milliseconds, Serial, metadata

messages = Table(
    "messages",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("queue_id", String, nullable=False),
    Column("message_id", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("sender", String, nullable=False),
    Column("sent_ms", Milliseconds, nullable=False),
    Column("visible_ms", Milliseconds, nullable=False),  # time from which it may be received
    Column("received_ms", Milliseconds),  # time of the first receive
    Column("receives", Integer, nullable=False, server_default="0"),
    Column("handle", String),  # of the last receive
    Column(
        "group_name", String, nullable=False, server_default=""
    ),  # FIFO queues: messages of a group are delivered in order
    Column("system", JSON, nullable=False, server_default="{}"),  # attributes set by SQS, by name
)
Index("ix_messages_queue", messages.c.queue_id, messages.c.visible_ms, messages.c.id)
Index("ix_messages_group", messages.c.queue_id, messages.c.group_name, messages.c.id)

message_tokens = Table(  # FIFO queues: duplicates within five minutes are dropped
    "message_tokens",
    metadata,
    Column("queue_id", String, primary_key=True),
    Column("token", String, primary_key=True),
    Column("message_id", String, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
    Column("sequence", String, nullable=False, server_default=""),  # the message's number
)
