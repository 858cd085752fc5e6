"""The built-in algorithms: the code that runs inside a job when the image is one of AWS's own.

`python -m sagewright.algorithms REPOSITORY train` (or `serve`) is the whole interface. It reads `/opt/ml` and the environment, and
imports nothing from the server. An algorithm is a package with two modules: `declaration` (standard library only: hyperparameters,
channels, metrics) and the numerics that the declaration names. `catalogue` lists them.
"""
