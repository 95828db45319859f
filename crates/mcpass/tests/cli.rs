//! The command line from outside: the real program on a temporary data folder, without a server.

mod cli {
    mod bad_input;
    mod doctor;
    mod harness;
    mod tokens;
    mod work;
}
