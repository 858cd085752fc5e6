"""Executed notebooks as pages show them: cells, with outputs as text, tables of text, and images. Nothing of an output is run."""
