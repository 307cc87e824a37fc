"""`python -m vippsrecon` is the command `vippsrecon`."""

from vippsrecon.cli import main

if __name__ == "__main__":
    main()
