"""Is the trimap loss worth it? Losses, kinds of training pair, weights and methods, each over seeds."""
