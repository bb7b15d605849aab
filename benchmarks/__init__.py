"""One script for each figure the README claims; each prints ratios measured in one run."""
