"""Files as tables of text, whatever their format."""
