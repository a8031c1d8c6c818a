"""What the concept studies share: `train`."""
