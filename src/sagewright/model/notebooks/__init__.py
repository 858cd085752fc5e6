"""Origins of notebooks, and the tokens that sign in to them. Imports the rest of `model`."""
