"""Video files: found, looked into, decoded by ffmpeg."""
