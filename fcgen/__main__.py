"""`python -m fcgen`: the command line."""

from fcgen.cli import main

main()
