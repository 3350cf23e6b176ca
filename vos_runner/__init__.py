"""Adapter to the data sets of video object segmentation: YouTube-VOS, MOSE and LVOS."""
