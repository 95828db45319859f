//! What tests need: private PostgreSQL, fake upstreams, the real binary.
