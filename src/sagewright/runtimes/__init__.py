"""What an image URI means: which framework or algorithm it is, the environment it runs in, and what is started in it."""
