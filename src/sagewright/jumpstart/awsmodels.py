"""Models that AWS's JumpStart offers, whose weights are not here: id, version, problem, and where their publisher keeps them.

Source: the table of models in the documentation of AWS's SageMaker Python SDK (`doc/doc_utils/pretrainedmodels.rst`, Apache-2.0,
commit 6204dbca).
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

HUGGING_FACE = "hf:"
MARKETPLACE = "865070037744"
"""The account of AWS Marketplace's model packages in us-east-1."""
_GATED = ("meta-", "huggingface-llm-gemma", "huggingface-vlm-gemma", "huggingface-llm-mistral-nemo")
"""Beginnings of ids whose publishers ask for the acceptance of a licence first. AWS's own list is not public."""


@dataclass(frozen=True)
class AwsModel:
    """A model by AWS's id. `source`: `hf:OWNER/NAME`, or an address. `proprietary`: sold on AWS Marketplace."""

    id: str
    version: str
    min_sdk_version: str
    fine_tunable: bool
    problem: str
    source: str
    proprietary: bool

    @property
    def framework(self) -> str:
        return self.id.split("-", 2)[0]

    @property
    def task(self) -> str:
        return self.id.split("-", 2)[1]

    @property
    def gated(self) -> bool:
        return not self.proprietary and self.id.startswith(_GATED)

    @property
    def repository(self) -> str:
        """Returns OWNER/NAME on Hugging Face, or "" for a model from elsewhere."""
        return self.source.removeprefix(HUGGING_FACE) if self.source.startswith(HUGGING_FACE) else ""

    @property
    def url(self) -> str:
        return f"https://huggingface.co/{self.repository}" if self.repository else self.source


@functools.cache
def aws_models() -> Mapping[str, AwsModel]:
    """Returns AWS's models by id."""
    file = resources.files(__name__.rpartition(".")[0]) / "catalogue" / "aws_models.tsv"
    rows = csv.DictReader(file.read_text("utf-8").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {row["id"]: _read(row) for row in rows}


def _read(row: Mapping[str, str]) -> AwsModel:
    return AwsModel(
        row["id"],
        row["version"],
        row["min_sdk_version"],
        row["fine_tunable"] == "1",
        row["problem"],
        row["source"],
        row["kind"] == "proprietary",
    )
