"""Machine code and hardware: compiles, links and caches kernels, and counts cores and GPUs. Imports no algorithm."""
