"""The server itself: start, state, processes, this machine's capabilities, and environments of programs."""
