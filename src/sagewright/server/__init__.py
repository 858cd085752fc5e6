"""The server process: its port, its lifecycle, its own paths, the image registry."""
