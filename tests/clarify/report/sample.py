"""An analysis with every section, of drawn data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sagewright.clarify.bias.metrics import post_training_bias, pre_training_bias
from sagewright.clarify.configuration.methods import POST_TRAINING, PRE_TRAINING, BiasSettings, Facet
from sagewright.clarify.report import LocalValues
from sagewright.clarify.tables import Attributions, Way

CONFIG: dict[str, Any] = {
    "dataset_type": "text/csv",
    "label": "approved",
    "label_values_or_threshold": [1],
    "facet": [
        {"name_or_index": "sex", "value_or_threshold": ["f"]},
        {"name_or_index": "age", "value_or_threshold": [40]},
    ],
    "methods": {
        "shap": {"agg_method": "mean_abs", "num_samples": 500, "seed": 7},
        "pdp": {"grid_resolution": 15},
        "report": {"name": "report"},
    },
}


def analysis_of(features: int = 20, rows: int = 2000) -> tuple[dict[str, Any], LocalValues]:
    generator = np.random.default_rng(11)
    names = [
        "income",
        "age at application",
        "years employed",
        "number of open credit lines",
        *(f"feature {n}" for n in range(4, features)),
    ][:features]
    table = pd.DataFrame(generator.normal(size=(rows, features)), columns=names)
    table["sex"] = generator.choice(["f", "m"], rows)
    table["age"] = generator.uniform(18, 80, rows)
    table["region"] = generator.choice(["north", "south", "east"], rows)
    score = 1 / (1 + np.exp(-(table.iloc[:, 0] + (table["sex"] == "m") * 0.5)))
    table["approved"] = (generator.random(rows) < score).astype(int)
    predicted = pd.Series((score > 0.5).astype(int), name="predicted")
    settings = BiasSettings(
        "approved",
        (1,),
        (Facet("sex", ("f",)), Facet("age", (40,)), Facet("region")),
        "region",
        (),
        PRE_TRAINING,
        POST_TRAINING,
    )
    explanations, local = explanations_of(table[names])
    analysis = {
        "version": "1.0",
        "post_training_bias_metrics": post_training_bias(table, predicted, settings),
        "pre_training_bias_metrics": pre_training_bias(table, settings),
        "explanations": explanations,
    }
    return analysis, local


def explanations_of(table: pd.DataFrame) -> tuple[dict[str, Any], LocalValues]:
    names, features = list(table.columns), table.shape[1]
    weights = 0.8 ** np.arange(features) * np.where(np.arange(features) % 3 == 1, -1, 1)
    values = (table.to_numpy() * weights * 0.1)[:, :, None]
    labels = {
        "label0": {
            "global_shap_values": dict(zip(names, np.abs(values[:, :, 0]).mean(0), strict=True)),
            "expected_value": 0.508,
        }
    }
    grid = np.linspace(-3, 3, 15)
    pdp = [
        {
            "feature_name": name, "data_type": "numerical", "feature_values": grid.tolist(),
            "model_predictions": [(0.5 + 0.1 * weights[place] * np.tanh(grid)).tolist()], "label_headers": ["label0"],
            "data_distribution": (np.exp(-(grid**2) / 2) / np.exp(-(grid**2) / 2).sum()).tolist(),
        }
        for place, name in enumerate(names[:9])
    ]  # fmt: skip
    pdp.append(
        {
            "feature_name": "region", "data_type": "categorical", "feature_values": ["north", "south", "east"],
            "model_predictions": [[0.4, 0.55, 0.5]], "label_headers": ["label0"], "data_distribution": [0.3, 0.4, 0.3],
        }
    )  # fmt: skip
    attributions = Attributions(
        tuple(names),
        values,
        np.array([0.508]),
        np.array([0.508]) + values.sum(1),
        Way.SAMPLED,
        np.full_like(values, 0.003),
        12345,
    )
    return {"kernel_shap": labels, "pdp": pdp}, LocalValues(attributions, table, ("label0",))
