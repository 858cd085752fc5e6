"""CloudWatch's filter patterns for plain text: terms that must, may and must not occur.

Source: "Filter pattern syntax" (CloudWatch Logs user guide). Patterns on JSON and on space-delimited fields are refused.
"""

from __future__ import annotations

import re

from sagewright.model.errors import AwsError

_TERM = re.compile(r'([-?]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')


def matches(pattern: str, message: str) -> bool:
    """Raises InvalidParameterException for a kind of pattern that is not served."""
    pattern = pattern.strip()
    if not pattern:
        return True
    if pattern[0] in "{[%":
        raise AwsError(
            "InvalidParameterException",
            f"Sagewright serves filter patterns of plain terms; '{pattern[:80]}' is of another kind.",
        )
    optional: list[str] = []
    for sign, quoted, plain in _TERM.findall(pattern):
        term = quoted.replace('\\"', '"') if quoted else plain
        if sign == "?":
            optional.append(term)
        elif (term in message) == (sign == "-"):
            return False
    return not optional or any(term in message for term in optional)
