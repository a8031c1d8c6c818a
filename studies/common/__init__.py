"""What the concept studies share."""
