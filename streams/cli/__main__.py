"""``python -m streams.cli``: the console script, for whoever has its interpreter and not its path."""

from streams.cli.petstream import main

main()
