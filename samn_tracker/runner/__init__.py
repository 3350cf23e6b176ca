"""What all runners share: sequences, the run loop, result files, packing, linting and scoring."""
