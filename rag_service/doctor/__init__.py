"""Whether what is stored is as it was written, and whether the index holds what SQL says."""
