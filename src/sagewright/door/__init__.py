"""The user's door: an environment in which any program's AWS calls reach this server. Touches nothing outside it."""
