"""Training: data sets, augmentation, losses and the loop."""
