"""Videos to numbered images."""
