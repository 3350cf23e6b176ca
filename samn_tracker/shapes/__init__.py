"""Geometry and regions: windows, boxes, polygons, masks, and the rotated-box fit."""
