"""The appendix: how SHAP values were computed, and the configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sagewright.clarify.report.content import Block, Cell, Heading, Paragraph, Source, Table
from sagewright.clarify.report.local import LocalValues
from sagewright.clarify.report.wording import clean, counted, number
from sagewright.clarify.tables import Attributions, Way

MAX_SOURCE = 20_000  # characters of the configuration
_WAYS = {
    Way.EXACT: "They are exact: computed from the trees or weights of the model, without sampling.",
    Way.COMPLETE: "They are exact: the model was evaluated for every coalition of features.",
    Way.SAMPLED: "They are estimates: the model was evaluated for a sample of the coalitions of features.",
}


def appendix_blocks(config: Mapping[str, Any], local: LocalValues | None) -> Iterator[Block]:
    yield Heading("Appendix")
    if local is not None and local.attributions is not None:
        yield from _method(local.attributions, (config.get("methods") or {}).get("shap") or {})
    elif local is not None and local.notes:
        yield Heading("Computation of the SHAP values", 3)
        rows: list[tuple[Cell, ...]] = [(clean(name), clean(value)) for name, value in local.notes]
        yield Table("How the SHAP values were computed", ("setting", "value"), rows, wide=0)
    yield Heading("Analysis configuration", 3)
    text = json.dumps(config, indent=2, ensure_ascii=False, default=str)
    shown = "\n".join(clean(line, 400) for line in text[:MAX_SOURCE].split("\n"))
    yield Source(shown, "analysis_config.json")
    if len(text) > MAX_SOURCE:
        yield Paragraph(f"{counted(len(text) - MAX_SOURCE, 'more character')} in analysis_config.json.")


def _method(found: Attributions, settings: Mapping[str, Any]) -> Iterator[Block]:
    yield Heading("Computation of the SHAP values", 3)
    yield Paragraph(_WAYS[found.way] + " The values of a row add up to its prediction minus the expected value.")
    rows: list[tuple[Cell, ...]] = [
        ("rows explained", number(found.values.shape[0])),
        ("features", number(found.values.shape[1])),
        ("outputs", number(found.values.shape[2])),
        ("rows that the model evaluated", number(found.calls)),
        ("scale", "log-odds" if settings.get("use_logit") else "the model's output"),
        *(
            (name, clean(settings[name]))
            for name in ("agg_method", "num_samples", "num_clusters", "seed")
            if name in settings
        ),
    ]
    if found.errors is not None and np.isfinite(found.errors).any():
        errors = found.errors[np.isfinite(found.errors)]
        rows.append(("standard error of a value, median", number(float(np.median(errors)))))
        rows.append(("standard error of a value, largest", number(float(errors.max()))))
    yield Table("How the SHAP values were computed", ("setting", "value"), rows, wide=0)
