//! Style, script and icons: small files of our own, inside the program.
//!
//! Their addresses hold a part of their digest, so browsers keep them for ever and still have the
//! right ones after an upgrade. They go compressed to who takes that; pages do not, because they
//! hold secrets beside what an address may have brought (the BREACH attack on HTTPS).

use std::io::Write as _;
use std::sync::OnceLock;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, header};
use sha2::{Digest as _, Sha256};

use super::fault::Fault;
use super::show::hex;

/// How all pages look.
pub(crate) static STYLE: Asset = Asset {
    name: "console.css",
    kind: "text/css; charset=utf-8",
    text: include_str!("../../assets/console.css"),
    path: OnceLock::new(),
    zipped: OnceLock::new(),
};
/// What makes them quicker to use.
pub(crate) static SCRIPT: Asset = Asset {
    name: "console.js",
    kind: "text/javascript; charset=utf-8",
    text: concat!(
        include_str!("../../assets/console.js"),
        include_str!("../../assets/lists.js"),
        include_str!("../../assets/forms.js")
    ),
    path: OnceLock::new(),
    zipped: OnceLock::new(),
};
/// Pictures by name.
pub(crate) static ICONS: Asset = Asset {
    name: "icons.svg",
    kind: "image/svg+xml",
    text: include_str!("../../assets/icons.svg"),
    path: OnceLock::new(),
    zipped: OnceLock::new(),
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
    zipped: OnceLock<Option<Bytes>>,
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

    /// It as gzip; none if that cannot be made.
    fn zipped(&'static self) -> Option<Bytes> {
        let zip = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(self.text.as_bytes()).ok()?;
            encoder.finish().ok().map(Bytes::from)
        };
        self.zipped.get_or_init(zip).clone()
    }
}

/// Whether who asks takes gzip (RFC 9110 section 12.5.3): it stands in the list, and not with a
/// weight of zero.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let lists = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|one| {
        let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        let is_none = weight.chars().all(|digit| matches!(digit, '0' | '.'));
        coding.trim().eq_ignore_ascii_case("gzip") && !is_none
    })
}

/// Answers with one of them. Under an address of another version it is the present one, for a
/// page that was open during an upgrade, and is not kept.
pub(crate) async fn show(
    Path((version, name)): Path<(String, String)>,
    asked: HeaderMap,
) -> Result<Response, Fault> {
    let all = [&STYLE, &SCRIPT, &ICONS];
    let asset = all.into_iter().find(|asset| asset.name == name).ok_or(Fault::NotFound)?;
    let is_present = asset.path() == format!("/assets/{version}/{name}");
    let age = if is_present { FOR_EVER } else { FOR_NOW };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
        (header::CACHE_CONTROL, age),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    let zipped = if takes_gzip(&asked) { asset.zipped() } else { None };
    Ok(match zipped {
        Some(zipped) => {
            let coding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            (headers, coding, zipped).into_response()
        }
        None => (headers, asset.text).into_response(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use http_body_util::BodyExt as _;

    use super::*;

    async fn fetched(asked: &HeaderMap) -> (HeaderMap, Bytes) {
        let mut place = STYLE.path().split('/').skip(2).map(str::to_owned);
        let place = (place.next().unwrap(), place.next().unwrap());
        let (parts, body) = show(Path(place), asked.clone()).await.unwrap().into_parts();
        (parts.headers, body.collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn what_is_compressed_is_the_same() {
        let (headers, plain) = fetched(&HeaderMap::new()).await;
        assert!(!headers.contains_key(header::CONTENT_ENCODING));
        assert_eq!(plain, STYLE.text);

        let asked = [(header::ACCEPT_ENCODING, HeaderValue::from_static("br, gzip"))];
        let (headers, zipped) = fetched(&asked.into_iter().collect()).await;
        assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
        assert_eq!(headers[header::VARY], "accept-encoding");
        assert!(zipped.len() < plain.len() / 2, "{} of {}", zipped.len(), plain.len());
        let mut text = String::new();
        GzDecoder::new(zipped.as_ref()).read_to_string(&mut text).unwrap();
        assert_eq!(text, STYLE.text);
    }

    #[test]
    fn gzip_is_for_who_takes_it() {
        let takes = |text| {
            let asked = [(header::ACCEPT_ENCODING, HeaderValue::from_static(text))];
            takes_gzip(&asked.into_iter().collect())
        };
        for text in ["gzip", "deflate, GZIP;q=0.5", "br;q=0,gzip", "gzip; q=1.0"] {
            assert!(takes(text), "{text}");
        }
        for text in ["", "identity", "gzip;q=0", "gzip; q=0.000", "gzippy, br"] {
            assert!(!takes(text), "{text}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
