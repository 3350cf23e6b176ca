"""`python -m trackingnet_runner` is `samn trackingnet`: see README.md in this folder."""

from __future__ import annotations

import sys

from trackingnet_runner.runner import main

if __name__ == "__main__":
    sys.exit(main())
