"""Regression against cached results: what a tracker answered once, and whether it still does (`samn regress`)."""
