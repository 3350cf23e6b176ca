"""`python -m got10k_runner run|pack|lint|score|show`: see README.md in this folder."""

from __future__ import annotations

import sys

from got10k_runner.runner import main

if __name__ == "__main__":
    sys.exit(main())
