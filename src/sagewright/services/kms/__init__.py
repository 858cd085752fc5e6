"""AWS KMS: symmetric keys, their aliases, and what they encrypt."""
