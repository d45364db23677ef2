"""`python -m langgraph_deepsearch.cli` is `deepsearch`."""

from . import main

if __name__ == "__main__":
    main()
