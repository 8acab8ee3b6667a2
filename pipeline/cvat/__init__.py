"""A CVAT server: log-in, requests, tasks, annotations; what of a dataset is there."""
