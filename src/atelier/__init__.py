"""atelier: specialise a text-guided image editor on fashion pictures and measure what that bought."""

__version__ = "0.1.0"
