//! The configuration, the environment, and what servers need of it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Finding, upstream};
use crate::config::{Config, Environment, setting};

const AREA: &str = "configuration";

/// What the configuration alone tells.
pub(super) fn check(config: &Config, environment: &Environment) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &config.file {
        Some(file) => {
            let text = format!("`{}` can be used", file.value.display());
            findings.push(Finding::ok(AREA, text));
            findings.extend(others_can_write(&file.value));
        }
        None => findings.push(Finding::note(AREA, "there is no mcpass.toml; none is needed")),
    }
    findings.extend(unknown_variables(environment));
    findings.extend(open_to_the_network(config));
    for server in &config.servers {
        findings.extend(upstream::check(&server.name, &server.kind, environment));
    }
    findings
}

/// Whoever can write the file decides where requests go.
fn others_can_write(path: &Path) -> Option<Finding> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o022 != 0).then(|| {
        Finding::warning(
            AREA,
            format!("others than its owner can write `{}`", path.display()),
            format!("chmod go-w {}", path.display()),
        )
    })
}

/// A mistyped variable is silently no variable.
fn unknown_variables(environment: &Environment) -> impl Iterator<Item = Finding> {
    let unknown = environment.names_with("MCPASS_").filter(|name| !setting::is_known(name));
    unknown.map(|name| {
        let known: Vec<_> = setting::ALL.iter().map(|setting| setting.variable).collect();
        Finding::warning(
            "environment",
            format!("`{name}` is set, and means nothing to mcpass"),
            format!("unset it; there are {}", known.join(", ")),
        )
    })
}

/// On an address that others reach, plain HTTP shows tokens to the network, and a web page may
/// use the host's name for its own ends unless the names are listed.
fn open_to_the_network(config: &Config) -> Vec<Finding> {
    let address = config.listen.value.0;
    if address.ip().is_loopback() {
        return Vec::new();
    }
    let mut findings = vec![Finding::note(
        "network",
        format!(
            "{address} can be reached by others, and speaks plain HTTP: put TLS in front of it"
        ),
    )];
    if config.network.allowed_hosts.value.is_empty() {
        findings.push(Finding::warning(
            "network",
            "any Host header is accepted on this address",
            "list the names that clients use: network.allowed_hosts in mcpass.toml, or \
             MCPASS_NETWORK_ALLOWED_HOSTS",
        ));
    }
    findings
}
