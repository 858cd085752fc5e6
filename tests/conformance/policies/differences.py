"""Where Principal Mapper decides otherwise than AWS documents, by one pattern or one condition.

| difference | AWS, which Sagewright follows |
| --- | --- |
| resources are compared without regard to case | ARNs are compared as they are written |
| a wildcard before an ARN's last part reaches over colons | it stays within its part |
| `+` in a resource is a repetition of a regular expression | it is a plus |
| `StringNotLike` is false for a key that the request lacks | negated operators are true then |
| `${…}` in values of conditions stays as it is | it is replaced |
| `ForAnyValue:…IfExists` is false for a missing key | IfExists makes it true |
| `ForAnyValue:…Not…` asks whether no value matches | whether some value does not match |
| `IfExists` of numbers, dates and addresses is another operator, which is false or the negated one | it is the operator |
| dates are compared with the first value of a condition alone | with each |
| `Null` takes an empty text for a missing key | a key with an empty text is present |

Source: IAM's user guide, "IAM JSON policy elements: Condition operators", "Resource" and "Variables and tags"; "Multivalued context
keys".
"""

from __future__ import annotations

import re
from typing import Any

from tests.conformance.policies.drawing import PolicyCase

_ORDERED = re.compile(r"Date(Less|Greater)Than(Equals)?")
_IF_EXISTS = re.compile(r"(Numeric|Date)\w+IfExists|IpAddressIfExists")


def difference(atom: PolicyCase) -> str:
    """Returns the name of the difference that a case of one pattern or condition shows, "" for none that is known."""
    statement = atom.policy["Statement"][0]
    if "Condition" in statement:
        ((operator, keys),) = statement["Condition"].items()
        ((key, wanted),) = keys.items()
        return _of_condition(operator, wanted, atom.context.get(key), atom)
    return _of_resource(statement["Resource"][0], atom) if statement["Resource"] != ["*"] else ""


def _of_condition(operator: str, wanted: list[str], given: list[str] | None, atom: PolicyCase) -> str:
    if operator == "Null":
        return "Null and an empty text" if given == [""] else ""
    if given is None:
        if operator == "StringNotLike":
            return "StringNotLike without the key"
        return "ForAnyValue with IfExists" if re.fullmatch(r"ForAnyValue:.*IfExists", operator) else ""
    if operator.startswith("ForAnyValue:StringNot") and len(given) > 1:
        return "ForAnyValue of a negated operator"
    if _IF_EXISTS.fullmatch(operator):
        return "IfExists of numbers, dates and addresses"
    if _ORDERED.fullmatch(operator) and len(wanted) > 1:
        return "several dates"
    return "variables in conditions" if any("${" in one for one in wanted) and len(atom.context) > 1 else ""


def _of_resource(pattern: str, atom: PolicyCase) -> str:
    values = {key.lower(): value[0] for key, value in atom.context.items()}
    text = re.sub(r"\$\{([^}]+)\}", lambda found: values.get(found[1].lower(), found[0]), pattern)
    if "+" in text:
        return "a plus in a resource"
    if _matches(text, atom.resource, 0) != _matches(text, atom.resource, re.IGNORECASE):
        return "the case of resources"
    head, resource = text.split(":", 5), atom.resource.split(":", 5)
    parts = len(head) == len(resource) and all(_matches(*pair, 0) for pair in zip(head, resource, strict=True))
    return "wildcards and colons" if _matches(text, atom.resource, 0) and not parts else ""


def _matches(pattern: str, text: str, flags: Any) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern)
    return re.fullmatch(expression, text, flags) is not None
