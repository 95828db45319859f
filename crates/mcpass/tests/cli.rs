//! The command line from outside: the real program on a temporary data folder, without a server.

#![expect(clippy::unwrap_used, reason = "helpers of tests; clippy excuses the tests alone")]

mod cli {
    mod bad_input;
    mod doctor;
    mod harness;
    mod servers;
    mod tokens;
    mod work;
}
