"""Pure networks: no module here knows that a tracker exists."""
