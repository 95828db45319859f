//! Stdio servers through their HTTP face: a real child process, and everything it can do to us.

mod harness;
mod legacy;
mod life;
mod modern;
mod sharing;
