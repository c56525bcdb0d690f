"""What readers and others get: folders of runs, the index, the summary, messages."""
