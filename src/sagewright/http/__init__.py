"""HTTP below AWS's protocols: connections and their limits, the parser, pools of threads. Nothing here knows a service."""
