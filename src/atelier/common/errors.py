"""The exception for user errors: a command prints its message and exits with code 2, without a traceback."""


class UserError(ValueError):
    """One line that says where (file, row or key) what is wrong, and what is expected."""
