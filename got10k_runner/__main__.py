"""`python -m got10k_runner` is `samn got10k`: see README.md in this folder."""

from __future__ import annotations

import sys

from got10k_runner.runner import main

if __name__ == "__main__":
    sys.exit(main())
