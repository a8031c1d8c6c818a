"""The paper's tables 2 to 4, to print beside ours."""

# method, learning rates and rank as it writes them, mean of both scores, detector's, reader's
BEST = (
    ("dreambooth", "2e-5", 0.725, 0.950, 0.500),
    ("dreambooth", "5e-5", 0.706, 0.913, 0.500),
    ("dreambooth", "1e-5", 0.635, 0.602, 0.667),
    ("lora", "5e-6, 1e-4, 16", 0.595, 0.710, 0.479),
    ("lora", "5e-5, 5e-6, 16", 0.588, 0.696, 0.479),
    ("lora", "1e-4, 1e-4, 8", 0.551, 0.622, 0.479),
    ("textual_inversion", "1e-3", 0.545, 0.757, 0.333),
    ("textual_inversion", "5e-4", 0.291, 0.583, 0.000),
    ("textual_inversion", "1e-6", 0.211, 0.423, 0.000),
)
# UNet's and text encoder's learning rate, rank, epoch, normalised score, detector's, reader's
LORA = (
    ("5e-6, 1e-4, 16", 3, 0.976, 0.710, 0.479),
    ("5e-5, 5e-6, 16", 21, 0.963, 0.700, 0.479),
    ("5e-6, 1e-4, 16", 6, 0.926, 0.7255, 0.417),
    ("5e-5, 5e-6, 8", 24, 0.895, 0.694, 0.417),
    ("1e-4, 1e-4, 8", 3, 0.889, 0.622, 0.479),
    ("5e-5, 5e-6, 32", 18, 0.875, 0.696, 0.396),
    ("5e-5, 5e-6, 64", 27, 0.870, 0.690, 0.396),
    ("5e-6, 5e-5, 4", 18, 0.861, 0.703, 0.375),
    ("5e-6, 1e-4, 16", 9, 0.853, 0.608, 0.458),
    ("5e-6, 5e-5, 16", 6, 0.833, 0.654, 0.396),
)
# learning rates, then rank (normalised score): best, second, third
RANKS = (
    ("5e-6, 1e-4", "16 (0.97)", "8 (0.80)", "4 (0.79)"),
    ("5e-5, 5e-6", "16 (0.96)", "8 (0.89)", "32 (0.88)"),
    ("1e-4, 1e-4", "8 (0.89)", "4 (0.80)", "16 (0.77)"),
    ("5e-6, 1e-5", "64 (0.83)", "16 (0.73)", "8 (0.73)"),
    ("5e-6, 5e-5", "16 (0.83)", "64 (0.74)", "4 (0.74)"),
)
DETECTOR = 0.995  # mAP at an overlap of .5
