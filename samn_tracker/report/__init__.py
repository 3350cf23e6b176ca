"""`samn report`: results of one or several trackers as one HTML file, plots and LaTeX tables."""
