"""`python -m compliance.service.cli` is `packtrail`."""

from compliance.service.cli import main

if __name__ == "__main__":
    main()
