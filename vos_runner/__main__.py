"""`python -m vos_runner run|pack|lint|score|show`: see docs/how-to/davis.md."""

from __future__ import annotations

import sys

from vos_runner.runner import main

if __name__ == "__main__":
    sys.exit(main())
