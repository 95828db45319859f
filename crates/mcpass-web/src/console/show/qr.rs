//! A text as a square code that a telephone's camera reads.

use std::fmt::{self, Write as _};

use askama::Template;
use qrcode::types::Color;
use qrcode::{EcLevel, QrCode};

use super::is_html;

/// The code, drawn here as SVG, so that what it holds is told to nobody. It says nothing of that to
/// `Debug` either.
#[derive(Clone, Template)]
#[template(path = "part/qr.html")]
pub(crate) struct Qr {
    /// Modules of a side, with the quiet zone around them.
    side: usize,
    path: String,
    /// What it is, for who cannot see it.
    label: &'static str,
}
is_html!(Qr);

/// Empty modules at each side (ISO/IEC 18004, "Quiet zone").
const QUIET: usize = 4;

impl Qr {
    /// The code of a text; none if it is too long for one.
    pub(crate) fn new(text: &str, label: &'static str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let mut path = String::new();
        for (at, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                let (x, y) = (at % width + QUIET, at / width + QUIET);
                let _ = write!(path, "M{x} {y}h1v1h-1z");
            }
        }
        Some(Self { side: width + 2 * QUIET, path, label })
    }
}

impl fmt::Debug for Qr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Qr").field("side", &self.side).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_reads_what_was_written() {
        const SCALE: usize = 4;
        let uri = "otpauth://totp/mcpass:ana?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=mcpass";
        let qr = Qr::new(uri, "the key").unwrap();
        let dark: std::collections::BTreeSet<(usize, usize)> = qr
            .path
            .split('M')
            .filter_map(|piece| piece.strip_suffix("h1v1h-1z")?.split_once(' '))
            .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
            .collect();
        let side = qr.side * SCALE;
        let shade = |x: usize, y| if dark.contains(&(x / SCALE, y / SCALE)) { 0 } else { 255 };
        let mut seen = rqrr::PreparedImage::prepare_from_greyscale(side, side, shade);
        let (_, read) = seen.detect_grids()[0].decode().unwrap();
        assert_eq!(read, uri);
        assert!(!format!("{qr:?}").contains("h1v1"));
        assert!(Qr::new(&"x".repeat(5_000), "the key").is_none());
    }
}
