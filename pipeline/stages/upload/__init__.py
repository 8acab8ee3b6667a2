"""A dataset into CVAT, proven."""
