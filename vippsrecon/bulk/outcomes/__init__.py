"""What became of a plan, as frames, workbooks and HTML."""
