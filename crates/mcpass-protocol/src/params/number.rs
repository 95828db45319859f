//! Whether two numbers of JSON mean the same, whatever their size: `42`, `42.0` and `4.2e1` do.

/// Whether both are numbers as JSON writes them (RFC 8259, section 6), and equal.
pub(super) fn are_equal(one: &str, other: &str) -> bool {
    Decimal::read(one).is_some_and(|one| Some(one) == Decimal::read(other))
}

/// A number as its digits, without zeros at either end, times a power of ten. Zero has no digits.
#[derive(Debug, Default, Eq, PartialEq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let (is_negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
        if has_leading_zero || !is_digits(whole) || !fraction.is_none_or(is_digits) {
            return None;
        }
        let fraction = fraction.unwrap_or_default();
        let all = format!("{whole}{fraction}");
        let kept = all.trim_end_matches('0');
        let digits = kept.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self::default());
        }
        let cut = i64::try_from(all.len().checked_sub(kept.len())?).ok()?;
        let places = i64::try_from(fraction.len()).ok()?;
        let exponent = exponent.checked_add(cut)?.checked_sub(places)?;
        Some(Self { is_negative, digits, exponent })
    }
}

fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !is_digits(digits) {
        return None;
    }
    text.parse().ok()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::are_equal;

    #[test]
    fn numbers_are_compared_by_what_they_mean() {
        for (one, other) in [
            ("42", "42.0"),
            ("42", "4.2e1"),
            ("4200", "42E+2"),
            ("-0.50", "-5e-1"),
            ("0", "-0.00e7"),
            ("12345678901234567890123", "12345678901234567890123.000"),
        ] {
            assert!(are_equal(one, other) && are_equal(other, one), "{one} {other}");
        }
        // The last pair is the same in binary floating point.
        for (one, other) in
            [("42", "43"), ("42", "-42"), ("42", "420"), ("9007199254740993", "9007199254740992")]
        {
            assert!(!are_equal(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_number_equals_none() {
        for text in ["", "-", "+1", "01", "1.", ".1", "1e", "1e+", "0x1", "1 ", "NaN", "1_0", "١"]
        {
            assert!(!are_equal(text, text), "{text}");
        }
        assert!(!are_equal("1e99999999999999999999", "1e99999999999999999999"));
    }

    proptest! {
        #[test]
        fn any_way_to_write_an_integer_is_the_same(value: i64, zeros in 0_usize..5) {
            let plain = value.to_string();
            let padding = "0".repeat(zeros);
            let longer = format!("{plain}.0{padding}");
            prop_assert!(are_equal(&plain, &longer));
            // More than one zero in front is no number.
            let shifted = format!("{plain}{padding}e-{zeros}");
            prop_assert!(value == 0 || are_equal(&plain, &shifted));
            prop_assert!(!are_equal(&plain, &value.wrapping_add(1).to_string()));
        }
    }
}
