"""What the three login examples share: state, cookies, links and sessions, as examples/README.md fixes them."""
