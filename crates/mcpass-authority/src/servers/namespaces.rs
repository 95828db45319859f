//! A namespace of permissions belongs to one server.

use mcpass_domain::Server;
use mcpass_domain::permission::MANAGEMENT;

use crate::api::ApiError;

/// Checks that the namespaces of `server` are no other's.
///
/// # Errors
/// When one is. Two servers of one name are for the store to refuse.
pub(super) fn check(server: &Server, others: &[Server]) -> Result<(), ApiError> {
    let fail = |field: &str, message: String, hint: &str| {
        Err(ApiError {
            field: Some(field.to_owned()),
            ..ApiError::new("server.namespace", message)
        }
        .with_hint(hint))
    };
    let hint = "a namespace belongs to one server: name the apps to offer with --app, or remove \
                the other server";
    if server.owns(MANAGEMENT) {
        let message = format!("`{MANAGEMENT}` is the namespace of management");
        return fail("apps", message, hint);
    }
    let mut others = others.iter().filter(|other| other.name != server.name);
    let Some(other) = others.find(|other| other.clashes_with(server)) else { return Ok(()) };
    if other.owns(server.name.as_str()) {
        let message = format!(
            "permissions of `{}` are those of the server `{}` already",
            server.name, other.name
        );
        return fail("name", message, "choose another name");
    }
    let name = other.name.as_str();
    let shared = server.namespaces().find(|own| other.owns(own) || *own == name);
    let shared = shared.unwrap_or(name);
    let message = format!("permissions of `{shared}` are those of the server `{name}` already");
    fail("apps", message, hint)
}
