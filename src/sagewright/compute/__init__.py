"""Backends that run the hosts of a job: the Backend plug point, the local backend, and the capacity of this machine."""
