"""`python -m ope_runner run|pack|lint|score|show`: see docs/how-to/one-pass.md."""

from __future__ import annotations

import sys

from ope_runner.runner import main

if __name__ == "__main__":
    sys.exit(main())
