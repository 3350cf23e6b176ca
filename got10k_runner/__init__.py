"""Adapter to the GOT-10k benchmark."""
