"""Whether policies are enforced: the setting `access`, or what the server is used for."""

from __future__ import annotations

from sagewright.http.messages import HttpRequest
from sagewright.model.addresses import is_loopback
from sagewright.model.settings import Settings
from sagewright.services.access.kinds import USER, scope_of
from sagewright.services.access.rights import recalled
from sagewright.store.database import Database
from sagewright.store.resources import resources


def is_enforced(store: Database, settings: Settings) -> bool:
    """Returns True if each request is decided by policies: as set, otherwise on a server beyond loopback, or with users."""
    if settings.access != "auto":
        return settings.access == "enforced"
    return not is_loopback(settings.host) or _has_users(store, settings.account)


def is_secure(request: HttpRequest) -> bool:
    """Returns True if the request could not be read on the way: it came by TLS, or from this machine."""
    return request.scheme == "https" or is_loopback(request.address)


def _has_users(store: Database, account: str) -> bool:
    return recalled(store, ("users", account), lambda: bool(resources.newest_names(store, scope_of(USER, account), 1)))
