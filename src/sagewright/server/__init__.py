"""The process put together: its port, its life, its own paths, the registry of images."""
