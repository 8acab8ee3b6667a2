"""Annotations and images made into what training programs read."""

UNITS = f"{__name__}.numbers"
"""The module of its units of work, which a pool of processes loads ahead."""
