"""Access keys as every layer sees them: the store keeps them, the wire and the front check signatures with them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AccessKey:
    """A key pair. `session_token` None: long-lived. `expires_ms` None: valid until it is deleted. `job_id`: the job that it ends
    with. `session`: the policies and tags that AssumeRole gave to the session, as JSON."""

    id: str
    secret: str
    session_token: str | None
    principal_arn: str
    user_id: str
    expires_ms: int | None
    job_id: str | None
    session: str | None = None
