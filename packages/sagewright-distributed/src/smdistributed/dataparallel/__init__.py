"""Data parallel training under the names of AWS's library. Collectives are gloo's or, with GPUs, NCCL's."""

__version__ = "2.8.0"
