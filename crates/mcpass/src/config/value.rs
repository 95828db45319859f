//! Values as people write them: sizes, spans of time, and words from a short list. Each parses
//! from the same text in an option, a variable and the file.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A value that cannot be read, with what would do instead.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidValue(pub(crate) String);

/// Names a text in an error without letting it grow or play tricks.
fn shown(text: &str) -> String {
    crate::terminal::clean(&text.chars().take(64).collect::<String>())
}

/// Deserializes from a string through `FromStr`; with `integer`, from a number of the unit too.
macro_rules! deserialize_from_str {
    ($name:ident, $expecting:literal $(, integer $from:expr)?) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }

                    $(
                        fn visit_i64<E: de::Error>(self, number: i64) -> Result<$name, E> {
                            let from: fn(i64) -> Result<$name, InvalidValue> = $from;
                            from(number).map_err(E::custom)
                        }
                    )?
                }
                deserializer.deserialize_any(Text)
            }
        }
    };
}
pub(super) use deserialize_from_str;

/// A number of bytes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ByteSize(pub(crate) u64);

impl ByteSize {
    /// So many binary megabytes.
    pub(crate) const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// So many binary kilobytes.
    pub(crate) const fn kib(count: u64) -> Self {
        Self(count << 10)
    }
}

const SIZES: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl FromStr for ByteSize {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let fail = || {
            let text = shown(text);
            InvalidValue(format!("`{text}` is not a size; write it as 4MiB, 512KiB or 65536"))
        };
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(digits).ok_or_else(fail)?;
        let number: u64 = number.parse().map_err(|_| fail())?;
        let unit = unit.trim();
        let factor = match SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => return Err(fail()),
        };
        number.checked_mul(factor).map(Self).ok_or_else(fail)
    }
}

/// In the largest binary unit that shows it exactly.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = SIZES
            .iter()
            .take(3)
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor));
        match unit {
            Some((name, factor)) => write!(f, "{}{name}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

deserialize_from_str!(
    ByteSize,
    "a size such as \"4MiB\"",
    integer | number | {
        u64::try_from(number)
            .map(ByteSize)
            .map_err(|_| InvalidValue(format!("`{number}` is not a size; write it as 4MiB")))
    }
);

/// A length of time, written as a number and a unit.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Span(pub(crate) Duration);

impl Span {
    /// So many seconds.
    pub(crate) const fn seconds(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }
}

const SPANS: &[(&str, u64)] = &[
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("min", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
/// Nothing of ours lasts longer than a hundred years.
const LONGEST: u64 = 36_525 * 86_400_000;

impl FromStr for Span {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let fail = || {
            let text = shown(text);
            InvalidValue(format!(
                "`{text}` is not a length of time; write it as 30s, 15m, 24h or 7d"
            ))
        };
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(digits).ok_or_else(fail)?;
        let number: u64 = number.parse().map_err(|_| fail())?;
        let (_, factor) = SPANS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(fail)?;
        let millis = number.checked_mul(*factor).filter(|millis| *millis <= LONGEST);
        millis.map(|millis| Self(Duration::from_millis(millis))).ok_or_else(fail)
    }
}

/// In the largest unit that shows it exactly.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let unit = SPANS
            .iter()
            .filter(|(name, _)| !matches!(*name, "w" | "min"))
            .find(|(_, factor)| millis >= *factor && millis.is_multiple_of(*factor));
        match unit {
            Some((name, factor)) => write!(f, "{}{name}", millis / factor),
            None => f.write_str("0s"),
        }
    }
}

deserialize_from_str!(Span, "a length of time such as \"30s\"");

/// Words of a short list.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident $what:literal { $($(#[$variant_doc:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),*];

            /// The word for it.
            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                let found = Self::WORDS.iter().find(|(word, _)| *word == text);
                found.map(|(_, value)| *value).ok_or_else(|| {
                    let words: Vec<_> = Self::WORDS.iter().map(|(word, _)| format!("`{word}`")).collect();
                    InvalidValue(format!("`{}` is not {}; there are {}", shown(text), $what, words.join(" and ")))
                })
            }
        }

        deserialize_from_str!($name, $what);
    };
}

words! {
    /// What the access record outlives.
    SyncMode "a way to keep the record" {
        /// The death of the process: each group of records is in the kernel before it counts.
        Process "process",
        /// The death of the machine: each group is on the disk before it counts.
        Always "always",
    }
}

words! {
    /// What log lines look like.
    LogFormat "a log format" {
        /// For people.
        Text "text",
        /// For machines: one JSON object a line.
        Json "json",
    }
}

/// An address and port to listen on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ListenAddress(pub(crate) SocketAddr);

impl FromStr for ListenAddress {
    type Err = InvalidValue;

    /// `localhost` is read as 127.0.0.1, so that what is printed is where clients connect.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let address = text.replacen("localhost:", "127.0.0.1:", 1).parse().map(Self);
        address.map_err(|_| {
            let text = shown(text);
            InvalidValue(format!(
                "`{text}` is not an address and port; write it as 127.0.0.1:7788 or [::1]:7788"
            ))
        })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

deserialize_from_str!(ListenAddress, "an address and port such as \"127.0.0.1:7788\"");

/// Where people reach this server: a scheme and a host, such as `https://mcpass.example.com`.
/// Empty where nobody said so.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct PublicUrl(String);

impl PublicUrl {
    /// The URL, without a slash at its end; none where nobody said so.
    pub(crate) fn get(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|url| !url.is_empty())
    }

    /// The host, with its port if it has one.
    pub(crate) fn host(&self) -> Option<&str> {
        self.get()?.split_once("://").map(|(_, host)| host)
    }
}

impl FromStr for PublicUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let url = text.trim_end_matches('/').to_ascii_lowercase();
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        if is_web && super::decide::check_origin(&url).is_ok() {
            return Ok(Self(url));
        }
        let text = shown(text);
        Err(InvalidValue(format!(
            "`{text}` is not a place on the web; write it as https://mcpass.example.com, without a \
             path"
        )))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

deserialize_from_str!(PublicUrl, "a URL such as \"https://mcpass.example.com\"");

/// What is logged, in the language of `tracing`'s filters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LogFilter(String);

impl LogFilter {
    /// The filter's text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl FromStr for LogFilter {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
        // The filter language reads any single word as the name of a module, so a mistyped
        // level would silence everything without a word.
        let single = !text.contains(['=', ',', '[']);
        let is_good = if single {
            LEVELS.contains(&text)
        } else {
            // tracing-subscriber 0.3.23 panics on some filters that are not ASCII.
            text.is_ascii() && tracing_subscriber::EnvFilter::builder().parse(text).is_ok()
        };
        if is_good {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidValue(format!(
            "`{}` is not a log level; there are `error`, `warn`, `info`, `debug`, `trace`, `off`, \
             and filters such as `info,mcpass_gateway=debug`",
            shown(text)
        )))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

deserialize_from_str!(LogFilter, "a log level such as \"info\"");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sizes_and_spans_print_and_parse_back(bytes: u64, seconds in 0_u64..3_000_000_000) {
            let size = ByteSize(bytes);
            prop_assert_eq!(size.to_string().parse::<ByteSize>().unwrap(), size);
            let span = Span::seconds(seconds);
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }

        #[test]
        fn no_text_makes_parsing_panic(text in "\\PC*") {
            let _ = (text.parse::<ByteSize>(), text.parse::<Span>(), text.parse::<LogFilter>());
        }
    }

    #[test]
    fn sizes_as_people_write_them() {
        assert_eq!("4MiB".parse(), Ok(ByteSize::mib(4)));
        assert_eq!("4 mib".parse(), Ok(ByteSize::mib(4)));
        assert_eq!("10kb".parse(), Ok(ByteSize(10_000)));
        assert_eq!("65536".parse(), Ok(ByteSize::kib(64)));
        for bad in ["", "MiB", "4 apples", "-1", "18446744073709551615KiB", "1.5MiB"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_as_people_write_them() {
        assert_eq!("90d".parse(), Ok(Span::seconds(90 * 86_400)));
        assert_eq!("250ms".parse(), Ok(Span(Duration::from_millis(250))));
        assert_eq!(Span::seconds(90).to_string(), "90s");
        assert_eq!(Span::seconds(86_400).to_string(), "1d");
        for bad in ["", "5", "h", "1y", "-5s", "99999999999999999999s", "40000d"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_to_listen_on() {
        let parse = |text: &str| text.parse::<ListenAddress>();
        assert_eq!(parse("localhost:80").unwrap().to_string(), "127.0.0.1:80");
        assert_eq!(parse("[::1]:80").unwrap().to_string(), "[::1]:80");
        for bad in ["", "7788", ":7788", "127.0.0.1", "example.com:80", "127.0.0.1:99999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn public_urls_are_a_scheme_and_a_host() {
        let parse = |text: &str| text.parse::<PublicUrl>();
        let url = parse("https://MCP.example.com:8443/").unwrap();
        assert_eq!(url.get(), Some("https://mcp.example.com:8443"));
        assert_eq!(url.host(), Some("mcp.example.com:8443"));
        assert_eq!(PublicUrl::default().get(), None);
        for bad in ["", "mcp.example.com", "ftp://a.b", "https://", "https://a/b", "https://u@a"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mistyped_level_is_not_taken_for_a_module() {
        assert!("inof".parse::<LogFilter>().is_err());
        assert!("\u{a0}0🩰[".parse::<LogFilter>().is_err());
        assert!("info,mcpass=debug".parse::<LogFilter>().is_ok());
    }

    #[test]
    fn words_are_listed_when_none_fits() {
        let error = "fsync".parse::<SyncMode>().unwrap_err().to_string();
        assert_eq!(
            error,
            "`fsync` is not a way to keep the record; there are `process` and `always`"
        );
    }
}
