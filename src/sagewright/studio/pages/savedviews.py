"""Saved views: names of URLs of lists, in a cookie. Tags of a user profile can't contain them: AWS allows no ? and &."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from sagewright.model.errors import ValidationException
from sagewright.studio.visit import Done, Visit, form

COOKIE = "sagewright-views"
MOST_VIEWS, MOST_NAME, MOST_ADDRESS, MOST_COOKIE = 20, 40, 1000, 3500
"""Browsers keep 4,096 bytes of a cookie, its name and attributes included."""
YEAR_S = 31_536_000


@dataclass(frozen=True)
class SavedView:
    name: str
    address: str


def of_list(visit: Visit) -> tuple[SavedView, ...]:
    """Returns the views of the list that is shown."""
    return tuple(one for one in saved(visit) if one.address.partition("?")[0] == visit.address)


def saved(visit: Visit) -> tuple[SavedView, ...]:
    """Reads the cookie, which other servers of this host name can write: URLs outside of Studio are ignored."""
    text = visit.cookies.get(COOKIE, "")[:MOST_COOKIE]
    try:
        pairs = parse_qsl(text, max_num_fields=MOST_VIEWS)
    except ValueError:
        return ()
    return tuple(SavedView(name, address) for name, address in pairs if len(name) <= MOST_NAME and _is_own(address))


def _is_own(address: str) -> bool:
    return (
        address.startswith("/studio/")
        and len(address) <= MOST_ADDRESS
        and address.isprintable()
        and "\\" not in address
    )


@form("/views")
def keep(visit: Visit, fields: dict[str, str]) -> Done:
    """Saves a view under a name, or deletes one. Raises ValidationException."""
    address, name, dropped = fields.get("address", ""), fields.get("name", "").strip(), fields.get("drop", "")
    if not _is_own(address):
        raise ValidationException(
            f"The URL of a view must begin with /studio/ and have at most {MOST_ADDRESS} characters; this one has {len(address)}."
        )
    views = {one.name: one.address for one in saved(visit) if one.name != dropped}
    if dropped:
        return Done(f"Deleted the view {dropped[:MOST_NAME]}", address, _cookie(views))
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise ValidationException(
            f"A view's name must have 1 to {MOST_NAME} printable characters; this one has {len(name)}."
        )
    views[name] = address
    if len(views) > MOST_VIEWS:
        raise ValidationException(f"At most {MOST_VIEWS} views can be saved; this would be number {len(views)}.")
    if (size := len(_text(views))) > MOST_COOKIE:
        raise ValidationException(f"Saved views have at most {MOST_COOKIE} characters together; these have {size}.")
    return Done(f"Saved the view {name}", address, _cookie(views))


def _text(views: dict[str, str]) -> str:
    return urlencode(views, quote_via=quote, safe="")


def _cookie(views: dict[str, str]) -> str:
    kept = YEAR_S if views else 0
    return f"{COOKIE}={_text(views)}; Path=/studio; Max-Age={kept}; HttpOnly; SameSite=Lax"
