"""Does the trimap loss help? Losses, kinds of training pair, weights and methods, each over seeds."""
