"""``python -m streams.cli``: runs the command line without the console script."""

from streams.cli.petstream import main

main()
