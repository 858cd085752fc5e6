"""The wording of a user's faults by built-in algorithms. Two families of containers exist, and clients depend on their texts.

`TOOLKIT`: XGBoost's open container. `SCHEMA`: Amazon's first-party containers, which validate against a JSON schema. Source: the
contract's errors.md, section 7, and algorithms/_common.md, section 3.
"""

from __future__ import annotations

from typing import Any, Protocol

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.schema.domains import Choice, Domain, Flag

UNUSED = "Hyperparameters that this training does not use: %s"


class Wording(Protocol):
    """Each method makes the error for one kind of fault. Stateless."""

    def missing(self, name: str) -> UserError: ...

    def extraneous(self, name: str) -> UserError: ...

    def unparsable(self, name: str, text: str, cause: ValueError) -> UserError: ...

    def out_of_range(self, name: str, value: Any, domain: Domain) -> UserError: ...

    def unsupported_content_type(self, given: str, accepted: tuple[str, ...]) -> UserError: ...


class ToolkitWording:
    def missing(self, name: str) -> UserError:
        return UserError(f"Missing required hyperparameter: {name}")

    def extraneous(self, name: str) -> UserError:
        return UserError(f"Extraneous hyperparameter found: {name}")

    def unparsable(self, name: str, text: str, cause: ValueError) -> UserError:  # noqa: ARG002 - the toolkit hides it
        return UserError(f"Hyperparameter {name}: could not parse value", caused_by=cause)

    def out_of_range(self, name: str, value: Any, domain: Domain) -> UserError:
        return UserError(f"Hyperparameter {name}: {value} is not in {domain}")

    def unsupported_content_type(self, given: str, accepted: tuple[str, ...]) -> UserError:
        return UserError(f"{given} is not an accepted ContentType: {', '.join(accepted)}.")


class SchemaWording:
    def missing(self, name: str) -> UserError:
        text = f"No value(s) were specified for '{name}' which are required hyperparameter(s)"
        return UserError(f"{text} (caused by ValidationError)")

    def extraneous(self, name: str) -> UserError:
        text = f"Additional properties are not allowed ('{name}' was unexpected)"
        return UserError(f"{text} (caused by ValidationError)")

    def unparsable(self, name: str, text: str, cause: ValueError) -> UserError:  # noqa: ARG002 - as above
        return self._invalid(name, text, "is not valid under any of the given schemas", "oneOf")

    def out_of_range(self, name: str, value: Any, domain: Domain) -> UserError:
        if isinstance(domain, (Choice, Flag)):
            return self._invalid(name, value, f"is not one of {domain}", "enum")
        return self._invalid(
            name, value, f"is not in {domain}, the range of {name}: not valid under any of the given schemas", "oneOf"
        )

    def unsupported_content_type(self, given: str, accepted: tuple[str, ...]) -> UserError:
        return UserError(
            f"No iterator has been registered for ContentType ('{given}', '1.0'). Registered are: {', '.join(accepted)}."
        )

    @staticmethod
    def _invalid(name: str, value: Any, what: str, keyword: str) -> UserError:
        where = f"Failed validating '{keyword}' in schema['properties']['{name}']"
        return UserError(f"{value!r} {what}\n\n{where} (caused by ValidationError)")


TOOLKIT: Wording = ToolkitWording()
SCHEMA: Wording = SchemaWording()
