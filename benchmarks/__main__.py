"""`python -m benchmarks` is `python -m samn_tracker.bench`."""

import sys

from samn_tracker.bench.__main__ import main

if __name__ == "__main__":
    print("benchmarks is now samn_tracker.bench", file=sys.stderr)
    sys.exit(main())
