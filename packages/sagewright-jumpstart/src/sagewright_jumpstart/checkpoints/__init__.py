"""Checkpoints of Hugging Face that have been added to a model of AWS's: served by transformers' pipelines, in JumpStart's forms."""
