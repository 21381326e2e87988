"""``petstream check``: checks everything that a role needs, and names a remedy for each problem."""
