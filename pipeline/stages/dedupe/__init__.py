"""Duplicates among images that exist."""

UNITS = f"{__name__}.units"
"""The module of its units of work, which a pool of processes loads ahead."""
