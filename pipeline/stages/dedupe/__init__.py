"""Duplicates among images that exist."""
