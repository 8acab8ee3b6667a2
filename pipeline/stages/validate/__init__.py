"""Every image held against its record."""

UNITS = f"{__name__}.video"
"""The module of its units of work, which a pool of processes loads ahead."""
