"""What the built-in algorithms that train networks have in common, each thing once: device, steps, epochs, early stopping,
checkpoints, weights, optimisers, schedules of the learning rate, several hosts, and the log lines of MXNet's epochs.

`declaring`, `schedules` and `patience` need the standard library only; the rest needs torch and runs inside jobs alone. Source:
the contract's algorithms/_common.md and _deep.md.
"""
