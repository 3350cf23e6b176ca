"""`python -m benchmarks.accuracy` is `samn bench accuracy`."""

import sys

from samn_tracker.bench.accuracy import main

if __name__ == "__main__":
    print("benchmarks.accuracy is now `samn bench accuracy`", file=sys.stderr)
    sys.exit(main())
