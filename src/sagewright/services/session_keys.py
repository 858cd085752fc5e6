"""Sessions of Studio as temporary access keys in the store, shared by all servers on it."""

from __future__ import annotations

import hmac

from sagewright.model.clock import now_ms
from sagewright.model.studio_sessions import SessionKey
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.identity import NewKey


class StoredKeys:
    def __init__(self, store: Database) -> None:
        self._store = store

    def create(self, principal: str, seconds: int) -> SessionKey:
        user = f"{principal.rpartition('/')[2]}:studio"
        new = NewKey(principal, user, temporary=True, expires_ms=now_ms() + seconds * 1000)
        key = identity.create_key(self._store, new)
        return SessionKey(key.id, key.secret, key.principal_arn)

    def find(self, key_id: str) -> SessionKey | None:
        key = identity.find_key(self._store, key_id)
        if key is None or key.session_token is None or key.job_id is not None or key.expires_ms is None:
            return None
        return SessionKey(key.id, key.secret, key.principal_arn) if key.expires_ms > now_ms() else None

    def principal_of(self, key_id: str, secret: str) -> str:
        key = identity.find_key(self._store, key_id)
        if (
            key is None
            or key.job_id is not None
            or key.session is not None
            or (key.expires_ms is not None and key.expires_ms < now_ms())
        ):
            return ""
        return key.principal_arn if hmac.compare_digest(key.secret.encode(), secret.encode()) else ""

    def end(self, key_id: str) -> bool:
        return identity.delete_key(self._store, key_id)
