"""Pages on data and notebooks."""
