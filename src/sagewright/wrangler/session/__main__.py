"""`python -m sagewright.wrangler.session`: answers on the socket that the agent names, until it is stopped."""

from __future__ import annotations

import os
from pathlib import Path

from sagewright.wrangler.session.service import SOCKET_VARIABLE, SessionServer

if __name__ == "__main__":
    SessionServer(Path(os.environ[SOCKET_VARIABLE])).serve_forever()
