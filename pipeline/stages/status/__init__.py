"""The frames of a dataset, counted again on the disk and in CVAT."""
