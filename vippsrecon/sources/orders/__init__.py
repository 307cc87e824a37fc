"""Order exports become the frame `orders`."""
