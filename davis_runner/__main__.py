"""`python -m davis_runner` is `samn davis`: see README.md in this folder."""

from __future__ import annotations

import sys

from davis_runner.runner import main

if __name__ == "__main__":
    sys.exit(main())
