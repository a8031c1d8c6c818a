"""What concept studies measure of painted pictures: likeness to a concept, and distances between sets of pictures."""
