//! Numbers as people read them.

/// A count with thin spaces between thousands: `12 345`.
pub(crate) fn count(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(u32::from(half), 16)).collect()
}

/// A duration in ms or s.
pub(crate) fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("0.{:02} ms", (micros / 10).max(1)),
        1_000..10_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..100_000_000 => {
            format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000)
        }
        _ => format!("{} s", count(micros / 1_000_000)),
    }
}

/// A size in bytes or KB.
pub(crate) fn bytes(size: u64) -> String {
    match size {
        0..1_000 => format!("{size} B"),
        1_000..100_000 => format!("{}.{} KB", size / 1_000, size % 1_000 / 100),
        _ => format!("{} KB", count(size / 1_000)),
    }
}

/// A size in characters.
pub(crate) fn chars(size: u64) -> String {
    several(size, "character")
}

/// A number of things: `1 token`, `12 tokens`.
pub(crate) fn several(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{} {thing}s", count(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact_enough() {
        for (number, text) in [
            (0_u32, "0"),
            (999, "999"),
            (1_000, "1\u{202f}000"),
            (1_234_567, "1\u{202f}234\u{202f}567"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!(hex(&[0, 10, 255]), "000aff");
        assert_eq!((duration(420), duration(87)), ("0.42 ms".to_owned(), "0.08 ms".to_owned()));
        assert_eq!(duration(3), "0.01 ms");
        assert_eq!(duration(4_210), "4.2 ms");
        assert_eq!(duration(42_100), "42 ms");
        assert_eq!(duration(4_210_000), "4.2 s");
        assert_eq!(duration(4_210_000_000), "4\u{202f}210 s");
        assert_eq!((bytes(12), bytes(1_250)), ("12 B".to_owned(), "1.2 KB".to_owned()));
        assert_eq!((chars(1), chars(2)), ("1 character".to_owned(), "2 characters".to_owned()));
        assert_eq!(
            (several(0, "token"), several(1, "token")),
            ("0 tokens".into(), "1 token".into())
        );
    }
}
