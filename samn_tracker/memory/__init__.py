"""The memories of SAMN, as algebra over tensors: appearance, spatial, dynamic."""
