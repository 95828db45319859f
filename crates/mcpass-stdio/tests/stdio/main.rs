//! Stdio servers through their HTTP face: a real child process, and everything it can do to us.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod harness;
mod legacy;
mod life;
mod modern;
mod params;
mod sharing;
