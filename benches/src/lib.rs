//! The benches are in `benches/`, the load harness in `load/`; `docs/benchmarks.md` says how to run them.
