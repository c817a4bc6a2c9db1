"""Two invented companies: the files and the questions of `rag demo`."""
