"""`python -m samn_tracker COMMAND` is `samn COMMAND`."""

import sys

from samn_tracker.cli import main

if __name__ == "__main__":
    sys.exit(main())
