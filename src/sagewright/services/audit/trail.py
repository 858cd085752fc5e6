"""The audit trail of a server: takes calls, and moves their records into the store."""

from __future__ import annotations

import threading
from dataclasses import replace

from sagewright.model.settings import Settings
from sagewright.services.audit.actions import action_of
from sagewright.services.audit.budgets import STRANGER, FailureBudget
from sagewright.services.audit.records import entry_of
from sagewright.services.audit.spool import AuditSpool
from sagewright.services.context import AuditedCall
from sagewright.store import audit
from sagewright.store.database import Database

BATCH = 500
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AccessDeniedFault"})
DAY_MS = 86_400_000
OFF, WRITES = "off", "writes"


class AuditTrail:
    """Records calls as the setting `audit` says: writes and denials, or reads as well. Operations on data are never recorded."""

    def __init__(self, settings: Settings, store: Database) -> None:
        self._mode, self._days, self._store = settings.audit, settings.audit_days, store
        self._spool, self._budget = AuditSpool(settings.data / "audit"), FailureBudget()
        self._collecting = threading.Lock()

    def wants(self, service: str, operation: str, error_code: str = "") -> bool:
        """Returns True if a call that ended like this is recorded."""
        action = action_of(service, operation)
        if self._mode == OFF or (action.data and error_code not in DENIED):
            return False
        return self._mode != WRITES or not action.reads or error_code in DENIED

    def record(self, call: AuditedCall, invoked_by: str = "") -> None:
        """Records a call that `wants` allows. Failures beyond a caller's budget are counted instead."""
        if call.error is not None:
            left_out = self._budget.spend(call.context.principal.access_key if call.context.principal.arn else STRANGER)
            if left_out is None:
                return
            call = replace(call, left_out=left_out)
        self._spool.append(entry_of(call, action_of(call.service, call.operation), invoked_by))

    def collect(self) -> None:
        """Moves records into the store: each exactly once, since one that comes again has the same id."""
        with self._collecting:
            for batch in self._spool.batches(BATCH):
                audit.put_lists(self._store, batch)

    def prune(self, now_ms: int) -> int:
        """Deletes records older than the setting `audit_days`, a bounded number; returns how many."""
        return audit.remove_before(self._store, now_ms - self._days * DAY_MS)
