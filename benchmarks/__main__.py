"""`python -m benchmarks` is `samn bench`."""

import sys

from samn_tracker.bench.__main__ import main

if __name__ == "__main__":
    print("benchmarks is now `samn bench`", file=sys.stderr)
    sys.exit(main())
