"""The import names of AWS's distributed training libraries, on PyTorch alone."""
