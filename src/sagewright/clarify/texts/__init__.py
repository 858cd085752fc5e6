"""Shapley values of the pieces of texts and of the other features.

    units        texts divided into tokens, sentences or paragraphs
    columns      columns of free text
    coalitions   the rows that stand for coalitions of pieces and features
    explanation  rows → Shapley values
    output       `explanations_shap/out.jsonl`
    summary      global values, and the pieces with the largest

A module imports the ones above it. Source: the developer guide, "Explainability reports for NLP models": pieces are replaced by the
baseline's text, and dropped if it is empty.
"""
