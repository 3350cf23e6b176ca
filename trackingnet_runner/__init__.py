"""Adapter to the TrackingNet benchmark."""
