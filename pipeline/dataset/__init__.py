"""The dataset on disk: records, tables, images, counts, breaks."""
