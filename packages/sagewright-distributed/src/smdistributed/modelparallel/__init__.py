"""Model parallel training under the names of AWS's library, on PyTorch's FSDP2."""
