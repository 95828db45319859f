//! One module for each group of commands.

mod area;
pub(crate) mod audit;
pub(crate) mod connect;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod group;
pub(crate) mod log;
pub(crate) mod server;
pub(crate) mod token;
pub(crate) mod user;

use crate::failure::Failure;

/// Takes the value out of the reply that belongs to a request.
macro_rules! answer {
    ($context:expr, $request:ident $(($value:expr))? => $reply:ident) => {
        match $context.call(mcpass_authority::api::Request::$request $(($value))?).await? {
            mcpass_authority::api::Reply::$reply(value) => value,
            _ => return Err($crate::commands::unexpected()),
        }
    };
}
pub(crate) use answer;

/// A reply of the wrong kind, which only another version can send.
pub(crate) fn unexpected() -> Failure {
    Failure::new("the running server answered something that this version does not know")
        .with_hint("use the same version of mcpass for the server and the command line")
}

/// An edit that changes nothing is a mistake.
pub(crate) fn nothing_to_change(command: &str) -> Failure {
    Failure::usage("nothing to change was given")
        .with_hint(format!("`mcpass {command} --help` lists what can be changed"))
}

/// A list with commas, or a dash for none.
pub(crate) fn joined<T: AsRef<str>>(items: &[T]) -> String {
    items.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

/// `yes` or `no`.
pub(crate) const fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
