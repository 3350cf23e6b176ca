"""Adapter to the VOT benchmark."""
