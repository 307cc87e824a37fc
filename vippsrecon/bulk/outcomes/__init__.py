"""The results of a plan as frames, workbooks and HTML."""
