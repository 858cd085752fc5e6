"""Image URIs: which framework or algorithm an image stands for, the environment it runs in, and the command that is started."""
