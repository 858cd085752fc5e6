"""Where the hosts of a job run: the Backend plug point, the local backend, and the capacity of this machine."""
