"""The one exception for a user's mistake: a command prints its message and exits with 2, without a traceback."""


class UserError(ValueError):
    """What is wrong, where (file, row or key), and what would be right, in one line."""
