"""HTTP below AWS's protocols: connections and their limits, the parser, thread pools. Nothing here depends on a service."""
