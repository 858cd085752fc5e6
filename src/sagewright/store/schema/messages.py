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
    Column("visible_ms", Milliseconds, nullable=False),  # from then on it may be received
    Column("received_ms", Milliseconds),  # for the first time
    Column("receives", Integer, nullable=False, server_default="0"),
    Column("handle", String),  # of the last time it was received
    Column("group_name", String, nullable=False, server_default=""),  # of FIFO queues: its messages come in order
    Column("system", JSON, nullable=False, server_default="{}"),  # attributes that SQS gives, by their names
)
Index("ix_messages_queue", messages.c.queue_id, messages.c.visible_ms, messages.c.id)
Index("ix_messages_group", messages.c.queue_id, messages.c.group_name, messages.c.id)

message_tokens = Table(  # of FIFO queues: what is sent again within five minutes is sent once
    "message_tokens",
    metadata,
    Column("queue_id", String, primary_key=True),
    Column("token", String, primary_key=True),
    Column("message_id", String, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
    Column("sequence", String, nullable=False, server_default=""),  # the message's number
)
