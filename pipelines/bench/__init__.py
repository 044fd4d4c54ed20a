"""The project's own benchmarks, beside the peers that can be found; `imaging bench` runs them."""
