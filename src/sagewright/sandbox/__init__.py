"""Isolation of a host's process: the Sandbox plug point, bubblewrap, containers, and the declared fallback without isolation."""
