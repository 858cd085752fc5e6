"""Where the hosts of a job run: the Backend plug point, the local one, and what this machine can hold."""
