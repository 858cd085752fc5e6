"""`python -m sagewright.clarify`: the program of AWS's image sagemaker-clarify-processing."""

from __future__ import annotations

import sys

from sagewright.clarify.analyzer.run import main

if __name__ == "__main__":
    sys.exit(main())
