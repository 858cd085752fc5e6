"""How isolated a host's process is: the Sandbox plug point, bubblewrap, and the declared fallback without isolation."""
