"""What the data are and the rules about them."""
