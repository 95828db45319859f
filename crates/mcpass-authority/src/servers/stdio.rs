//! What may be said of a stdio upstream, by hand or in the configuration file.

use std::collections::BTreeMap;
use std::time::Duration;

use mcpass_domain::server::StdioUpstream;
use mcpass_domain::template;

use super::credential::{self, HINT, REFUSED};
use super::field::{self, in_range};
use crate::api::ApiError;

/// Arguments and variables at most.
const MAX_COUNT: usize = 200;
/// Bytes of one argument, and of one variable's value.
const MAX_TEXT: usize = 8_000;
/// The longest that a process may do nothing before it is ended, unless it never is.
const MAX_IDLE: Duration = Duration::from_hours(30 * 24);

const PROGRAM_HINT: &str =
    "write the whole path, or the name of a program that is in the PATH of the server process";
const ARGUMENT_HINT: &str = "arguments can be read by every process of the machine: put it into \
     the environment as NAME=${env:NAME}; if the program takes it only as an argument, run it \
     through a shell: sh -c 'exec program \"$NAME\"'";

/// Checks how a program is run. Whether it is there is found out when it is started.
///
/// # Errors
/// When something cannot be used; the error names the field and repeats no value.
pub fn check(upstream: StdioUpstream) -> Result<StdioUpstream, ApiError> {
    let command = check_program(&upstream.program);
    let folder = upstream.folder.as_ref().map(|folder| field::check_path("folder", folder));
    let idle = upstream.idle;
    let is_possible = idle.is_zero() || (Duration::from_secs(1)..=MAX_IDLE).contains(&idle);
    ApiError::all([
        command.and_then(|()| check_arguments(&upstream.arguments)).err(),
        check_environment(&upstream.environment).err(),
        folder.and_then(Result::err),
        in_range("start_timeout", upstream.start_timeout).err(),
        in_range("answer_timeout", upstream.answer_timeout).err(),
        (!is_possible).then(|| ApiError::invalid("idle", "idle goes from 1s to 30d, or is never")),
    ])?;
    Ok(upstream)
}

fn check_environment(environment: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if environment.len() > MAX_COUNT {
        let message = format!("a server has at most {MAX_COUNT} variables");
        return Err(ApiError::invalid("environment", message));
    }
    environment.iter().try_for_each(|(name, value)| check_variable(name, value))
}

fn check_program(program: &str) -> Result<(), ApiError> {
    let fail = |why: &str| {
        let message = format!("this command cannot be run: {why}");
        Err(ApiError::invalid("command", message).with_hint(PROGRAM_HINT))
    };
    if program.is_empty() {
        return fail("it has no program");
    }
    if program.len() > field::MAX_PATH || program.chars().any(char::is_control) {
        return fail("the program's name is too long or holds a control character");
    }
    if program.contains('/') && !program.starts_with('/') {
        return fail("the path of its program is relative, and to what is not said");
    }
    Ok(())
}

fn check_arguments(arguments: &[String]) -> Result<(), ApiError> {
    if arguments.len() > MAX_COUNT {
        let message = format!("a command has at most {MAX_COUNT} arguments");
        return Err(ApiError::invalid("command", message));
    }
    let mut before = None;
    for (number, argument) in arguments.iter().enumerate() {
        let fail = |why: &str, hint: &str| {
            let message = format!("argument {} of the command cannot be used: {why}", number + 1);
            Err(ApiError::invalid("command", message).with_hint(hint))
        };
        if argument.len() > MAX_TEXT || argument.contains('\0') {
            return fail("it is too long or holds a NUL", "put what is long into a file");
        }
        if credential::is_literal_in_argument(before, argument) {
            return fail(REFUSED, ARGUMENT_HINT);
        }
        before = Some(argument.as_str());
    }
    Ok(())
}

fn check_variable(name: &str, value: &str) -> Result<(), ApiError> {
    let shown: String = name.chars().take(64).collect();
    let fail = |why: &str, hint: &str| {
        let message = format!("the variable `{shown}` cannot be used: {why}");
        Err(ApiError::invalid("environment", message).with_hint(hint))
    };
    if !template::is_variable(name) {
        return fail("that is not a variable's name", "a name has letters, digits and _");
    }
    if value.len() > MAX_TEXT {
        return fail("its value is longer than 8,000 bytes", "put it into a file");
    }
    if credential::is_literal_in_variable(name, value) {
        return fail(REFUSED, HINT);
    }
    match credential::check_form(value) {
        Ok(()) => Ok(()),
        Err(error) => fail(&error.to_string(), HINT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of(change: impl FnOnce(&mut StdioUpstream)) -> Option<String> {
        let mut upstream = StdioUpstream::new("npx", vec!["-y".to_owned()]);
        change(&mut upstream);
        match check(upstream) {
            Ok(_) => None,
            Err(error) => {
                assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
                error.field
            }
        }
    }

    #[test]
    fn programs_are_names_or_whole_paths() {
        for good in ["npx", "/usr/bin/python3", "my server"] {
            assert_eq!(field_of(|upstream| upstream.program = good.to_owned()), None, "{good}");
        }
        for bad in ["", "./server.py", "bin/server", "a\nb"] {
            let field = field_of(|upstream| upstream.program = bad.to_owned());
            assert_eq!(field.as_deref(), Some("command"), "{bad:?}");
        }
    }

    #[test]
    fn arguments_hold_no_credentials() {
        let field = |arguments: &[&str]| {
            let all = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            field_of(|upstream| upstream.arguments = all)
        };
        assert_eq!(field(&["-c", "line one\nline two", "--token-file", "/run/token"]), None);
        for bad in [&["--api-key", "geheim"][..], &["--password=geheim"], &["a\0b"]] {
            assert_eq!(field(bad).as_deref(), Some("command"), "{bad:?}");
        }
    }

    #[test]
    fn variables_have_names_and_references() {
        let field = |name: &str, value: &str| {
            field_of(|upstream| drop(upstream.environment.insert(name.into(), value.into())))
        };
        assert_eq!(field("GITHUB_TOKEN", "${env:GITHUB_TOKEN}"), None);
        assert_eq!(field("LEVEL", "debug"), None);
        for (name, value) in [
            ("A-B", "x"),
            ("1A", "x"),
            ("", "x"),
            ("GITHUB_TOKEN", "geheim"),
            ("LEVEL", "${geheim}"),
            ("LEVEL", "${env:LEVEL"),
            ("LEVEL", "a\nb"),
        ] {
            assert_eq!(field(name, value).as_deref(), Some("environment"), "{name}={value}");
        }
    }

    #[test]
    fn folders_are_whole_paths_and_times_have_a_range() {
        let text = |field: Option<String>| field.unwrap_or_default();
        assert_eq!(text(field_of(|upstream| upstream.folder = Some("work".into()))), "folder");
        assert_eq!(field_of(|upstream| upstream.folder = Some("/srv/work".into())), None);
        assert_eq!(
            text(field_of(|upstream| upstream.start_timeout = Duration::ZERO)),
            "start_timeout"
        );
        let day = Duration::from_hours(25);
        assert_eq!(text(field_of(|upstream| upstream.answer_timeout = day)), "answer_timeout");
        assert_eq!(field_of(|upstream| upstream.idle = Duration::ZERO), None);
        assert_eq!(text(field_of(|upstream| upstream.idle = Duration::from_millis(5))), "idle");
    }
}
