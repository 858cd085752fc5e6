"""Bias metrics before and after training.

    meaning    one sentence for each metric
    formulas   the metrics as functions of counts
    columns    categorical or continuous columns, and the rows that a list of values or a threshold selects
    flips      the flip test: nearest neighbours in the other group
    facets     sensitive groups of rows, and segments
    metrics    the two sections of analysis.json

A module imports the ones above it. Source: the developer guide, "Measure data and model bias"; the tests compare with
smclarify 0.5, AWS's own code.
"""
