"""The pack registry: legal state of products, lots and packs, and what was asked."""
