"""The former place of `samn_tracker.bench`, in a checkout only: what is called here goes there."""
