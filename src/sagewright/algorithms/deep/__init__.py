"""The common parts of the built-in algorithms that train networks: device, steps, epochs, early stopping, checkpoints, weights,
optimisers, schedules of the learning rate, several hosts, logistic regression beside networks, and the log lines of MXNet's epochs.

`declaring`, `schedules` and `patience` need only the standard library; the rest needs torch and runs only inside jobs. Source: the
contract's algorithms/_common.md and _deep.md.
"""
