//! Style, script and icons: small files of our own, inside the program.
//!
//! Their addresses hold a part of their digest, so browsers keep them for ever and still have the
//! right ones after an upgrade.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use sha2::{Digest as _, Sha256};

use super::fault::Fault;
use super::show::hex;

/// How all pages look.
pub(crate) static STYLE: Asset = Asset {
    name: "console.css",
    kind: "text/css; charset=utf-8",
    text: include_str!("../../assets/console.css"),
    path: OnceLock::new(),
};
/// What makes them quicker to use.
pub(crate) static SCRIPT: Asset = Asset {
    name: "console.js",
    kind: "text/javascript; charset=utf-8",
    text: include_str!("../../assets/console.js"),
    path: OnceLock::new(),
};
/// Pictures by name.
pub(crate) static ICONS: Asset = Asset {
    name: "icons.svg",
    kind: "image/svg+xml",
    text: include_str!("../../assets/icons.svg"),
    path: OnceLock::new(),
};

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const FOR_NOW: HeaderValue = HeaderValue::from_static("no-cache");

/// One file.
#[derive(Debug)]
pub(crate) struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
    path: OnceLock<String>,
}

impl Asset {
    /// Where it is.
    pub(crate) fn path(&'static self) -> &'static str {
        self.path.get_or_init(|| {
            let digest = Sha256::digest(self.text.as_bytes());
            let start = hex(digest.get(..4).unwrap_or_default());
            format!("/assets/{start}/{}", self.name)
        })
    }
}

/// Answers with one of them. Under an address of another version it is the present one, for a
/// page that was open during an upgrade, and is not kept.
pub(crate) async fn show(Path((version, name)): Path<(String, String)>) -> Result<Response, Fault> {
    let all = [&STYLE, &SCRIPT, &ICONS];
    let asset = all.into_iter().find(|asset| asset.name == name).ok_or(Fault::NotFound)?;
    let is_present = asset.path() == format!("/assets/{version}/{name}");
    let age = if is_present { FOR_EVER } else { FOR_NOW };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
        (header::CACHE_CONTROL, age),
    ];
    Ok((headers, asset.text).into_response())
}
