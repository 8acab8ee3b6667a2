"""Every image held against its record."""
