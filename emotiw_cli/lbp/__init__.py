"""Local binary patterns, and the colours that make pictures of them."""
