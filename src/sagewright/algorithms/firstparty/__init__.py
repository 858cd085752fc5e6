"""What Amazon's first-party algorithms have in common, each thing once: hidden hyperparameters, log lines, reading of channels,
several hosts, model files, requests and responses.

`declaring` needs the standard library only; the rest needs numpy. Source: the contract's algorithms/_common.md.
"""
