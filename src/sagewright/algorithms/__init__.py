"""The built-in algorithms: what runs inside a job when the image is one of AWS's own.

`python -m sagewright.algorithms REPOSITORY train` (or `serve`) is the whole interface; it reads `/opt/ml` and the
environment and imports nothing of the server. An algorithm is a package with two modules: `declaration` (standard
library only: hyperparameters, channels, metrics) and the numerics that the declaration names. `catalogue` lists them.
"""
