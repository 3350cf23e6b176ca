"""Adapter to the DAVIS benchmark."""
