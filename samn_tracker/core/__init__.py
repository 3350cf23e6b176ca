"""The method: configuration, the state of a target, and the story of a frame."""
