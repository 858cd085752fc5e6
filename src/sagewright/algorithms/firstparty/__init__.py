"""The common parts of Amazon's first-party algorithms: hidden hyperparameters, log lines, reading of channels, several hosts, model
files, requests and responses.

`declaring` needs only the standard library; the rest needs numpy. Source: the contract's algorithms/_common.md.
"""
