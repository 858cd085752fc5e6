"""AWS Resource Groups Tagging API: resources of every service by their tags."""
