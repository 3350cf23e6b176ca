"""The studio: a local page on which a person marks, follows, corrects and saves objects of a video."""
