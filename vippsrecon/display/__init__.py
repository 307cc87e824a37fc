"""How objects show themselves in a notebook: one stylesheet, one way to build HTML."""
