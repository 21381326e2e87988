"""``petstream check``: looks at everything that a role needs, and says what to do about what is wrong."""
