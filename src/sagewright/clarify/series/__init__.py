"""Asymmetric Shapley values of time series: how far each time step, or each value of it, moves a forecast.

    items        time series with related series and static covariates
    reading      items from CSV tables and from JSON in three formats
    forecasts    items → forecasts, by requests to an endpoint
    baselines    values in place of absent ones
    asymmetric   items → values
    output       `asymmetric_shapley_value/<granularity>_<direction>/out.jsonl`

A module imports the ones above it. Source: C. Frye, C. Rowat, I. Feige, "Asymmetric Shapley values: incorporating causal knowledge
into model-agnostic explainability", NeurIPS 2020; the developer guide, "Configure the analysis".
"""
