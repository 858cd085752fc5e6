"""Buttons: each is one operation, called as boto3 would call it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from sagewright.studio.code import boto3_code
from sagewright.studio.operations import OperationCall


@dataclass(frozen=True)
class Field:
    """A field of a button's form. `member`: the member of the request that it sets."""

    member: str
    label: str
    value: str = ""
    rows: int = 1


@dataclass(frozen=True)
class Button:
    """A button.

    `call`: the operation; `fields` are added to its request. `each`: the member that gets the name of each chosen row, one call
    per row; `Member=prefix` puts a text before it, and `Member[]` gets all of them in one call. `done`: the words of the toast.
    `look`: main, harm, ghost or "". `confirm`: a sentence that names the data that would be lost. `off`: the reason why the
    button is disabled.
    """

    label: str
    call: OperationCall
    done: str
    look: str = ""
    icon: str = ""
    fields: tuple[Field, ...] = ()
    each: str = ""
    confirm: str = ""
    off: str = ""
    key: str = ""
    back: str = field(default="", compare=False)

    @property
    def sealed(self) -> str:
        """The call, for the form's hidden field."""
        names = [one.member for one in self.fields]
        return orjson.dumps(
            [self.call.service, self.call.operation, self.call.request, names, self.each, self.done, self.back]
        ).decode()

    @property
    def code(self) -> str:
        request = {**self.call.request, **{one.member: "…" for one in self.fields}}
        return boto3_code([OperationCall(self.call.service, self.call.operation, request)]).splitlines()[-1]


@dataclass(frozen=True)
class Submitted:
    """A submitted button: the calls to make, the words when done, and the page to return to."""

    calls: tuple[OperationCall, ...]
    done: str
    back: str


class BadForm(ValueError):
    """The form is not one that a page of Studio sends."""


MOST_CHOSEN = 1000


def _fields(names: list[str], given: dict[str, str]) -> dict[str, Any]:
    """Returns the members that filled fields set. `List.Name` sets an element of a list of names and values, `List[].Member` a
    member of the list's only element."""
    found: dict[str, Any] = {}
    for name in names:
        member, dotted, key = str(name).partition(".")
        if value := given.get(str(name)):
            if dotted and member.endswith("[]"):
                found.setdefault(member[:-2], [{}])[0][key] = value
            elif dotted:
                found.setdefault(member, []).append({"Name": key, "Value": value})
            else:
                found[member] = value
    return found


def read(form: list[tuple[str, str]]) -> Submitted:
    """Reads a submitted form. Raises BadForm."""
    given = dict(form)
    try:
        service, operation, request, names, each, done, back = orjson.loads(given["call"])
    except (KeyError, ValueError, TypeError):
        raise BadForm("The form has no valid call.") from None
    texts = (service, operation, each, done, back)
    if not all(isinstance(one, str) for one in texts) or not isinstance(request, dict) or not isinstance(names, list):
        raise BadForm("The form has no valid call.")
    whole = {**request, **_fields(names, given)}
    if not each:
        return Submitted((OperationCall(service, operation, whole),), done, back)
    picked = [value for name, value in form if name == "pick"]
    if not picked or len(picked) > MOST_CHOSEN:
        raise BadForm(f"Between 1 and {MOST_CHOSEN} rows can be chosen; {len(picked)} are.")
    if each.endswith("[]"):
        return Submitted(
            (OperationCall(service, operation, {**whole, each[:-2]: picked}),),
            done.replace("{n}", str(len(picked))),
            back,
        )
    member, _, prefix = each.partition("=")
    calls = tuple(OperationCall(service, operation, {**whole, member: f"{prefix}{one}"}) for one in picked)
    return Submitted(calls, done.replace("{n}", str(len(picked))), back)
