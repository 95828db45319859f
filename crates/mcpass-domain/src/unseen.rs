//! Characters that nobody sees: they take no room, or turn the writing round, and so could make
//! one name look like another.
//!
//! Some of them belong to what stands around them and are seen by what they do there: the joiner
//! within an emoji of several people, the non-joiner within Persian words, the tags of Scotland's
//! flag. Names that people give may hold those, and a terminal may show them. Between letters of
//! other scripts they are nothing but a way to deceive.

/// Whether a character takes no room or turns the writing round (Unicode: `Cf`, fillers, and the
/// line and paragraph separators, as far as they can mislead), wherever it stands.
pub const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E007F}')
}

/// The characters of a text, each with whether it is unseen and belongs to nothing around it.
pub fn seen(text: &str) -> impl Iterator<Item = (char, bool)> {
    let chars: Vec<char> = text.chars().collect();
    let flags = flags(&chars);
    (0..chars.len()).filter_map(move |at| {
        let c = *chars.get(at)?;
        let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied();
        let belongs = || {
            flags.iter().any(|flag| flag.contains(&at))
                || belongs(before, c, chars.get(at + 1).copied())
        };
        Some((c, is_unseen(c) && !belongs()))
    })
}

/// Whether a text holds an unseen character that belongs to nothing around it.
pub fn misleads(text: &str) -> bool {
    text.contains(is_unseen) && seen(text).any(|(_, is_hidden)| is_hidden)
}

const NON_JOINER: char = '\u{200C}';
const JOINER: char = '\u{200D}';

fn belongs(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match c {
        // UTS 51, ED-16: a joiner between two pictures, the first with its colour or style.
        JOINER => {
            is_virama(before)
                || (is_picture(before) || before == '\u{FE0F}') && after.is_some_and(is_picture)
        }
        // RFC 5892, A.1: after a virama, or where letters would join.
        NON_JOINER => {
            is_virama(before) || joins_next(before) && after.is_some_and(is_arabic_letter)
        }
        _ => false,
    }
}

/// Where the flags are that are made of a black one and tags: those of UTS 51, and no other text.
fn flags(chars: &[char]) -> Vec<std::ops::Range<usize>> {
    const REGIONS: [&str; 3] = ["gbeng", "gbsct", "gbwls"];
    let tags = |region: &str| -> Vec<char> {
        let tag = |letter: char| char::from_u32(0xE0000 + u32::from(letter)).unwrap_or(letter);
        ['\u{1F3F4}'].into_iter().chain(region.chars().map(tag)).chain(['\u{E007F}']).collect()
    };
    let of = |region| {
        let flag = tags(region);
        let begins = chars.windows(flag.len()).enumerate().filter(|(_, some)| **some == flag[..]);
        begins.map(|(at, some)| at..at + some.len()).collect::<Vec<_>>()
    };
    REGIONS.into_iter().flat_map(of).collect()
}

/// What emoji are made of (UTS 51, as blocks, which hold other symbols besides but no letters).
const fn is_picture(c: char) -> bool {
    matches!(c,
        '\u{00A9}' | '\u{00AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
        | '\u{2190}'..='\u{21FF}' | '\u{2300}'..='\u{23FF}' | '\u{25A0}'..='\u{27BF}'
        | '\u{2900}'..='\u{297F}' | '\u{2B00}'..='\u{2BFF}' | '\u{3030}' | '\u{303D}'
        | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Signs of Indic scripts that join consonants (Unicode: combining class 9).
const fn is_virama(c: char) -> bool {
    matches!(
        c,
        '\u{094D}'
            | '\u{09CD}'
            | '\u{0A4D}'
            | '\u{0ACD}'
            | '\u{0B4D}'
            | '\u{0BCD}'
            | '\u{0C4D}'
            | '\u{0CCD}'
            | '\u{0D4D}'
            | '\u{0DCA}'
            | '\u{1039}'
            | '\u{17D2}'
    )
}

const fn is_arabic_letter(c: char) -> bool {
    matches!(c, '\u{0620}'..='\u{063F}' | '\u{0641}'..='\u{064A}' | '\u{066E}'..='\u{06D3}')
}

/// Letters of the Arabic script that join with the next one (Unicode: joining type D).
const fn joins_next(c: char) -> bool {
    matches!(c,
        '\u{0620}' | '\u{0626}' | '\u{0628}' | '\u{062A}'..='\u{062E}' | '\u{0633}'..='\u{063F}'
        | '\u{0641}'..='\u{0647}' | '\u{0649}'..='\u{064A}' | '\u{066E}'..='\u{066F}'
        | '\u{0678}'..='\u{0687}' | '\u{069A}'..='\u{06BF}' | '\u{06C1}'..='\u{06C2}'
        | '\u{06CC}' | '\u{06CE}' | '\u{06D0}'..='\u{06D1}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOTLAND: &str = "\u{1F3F4}\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}";

    #[test]
    fn what_belongs_to_its_surroundings_misleads_nobody() {
        for text in [
            "CI releases",
            "family \u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
            "\u{1F469}\u{1F3FD}\u{200D}\u{1F680} with a colour",
            "\u{2764}\u{FE0F}\u{200D}\u{1F525}",
            "\u{1F3F3}\u{FE0F}\u{200D}\u{1F308}",
            "\u{1F1E9}\u{1F1EA} and 1\u{FE0F}\u{20E3}",
            SCOTLAND,
            // Persian "I do not want", Hindi "kṣa" written apart.
            "\u{0646}\u{0645}\u{06CC}\u{200C}\u{062E}\u{0648}\u{0627}\u{0647}\u{0645}",
            "\u{0915}\u{094D}\u{200D}\u{0937}",
        ] {
            assert!(!misleads(text), "{text:?}");
        }
    }

    #[test]
    fn what_belongs_to_nothing_misleads() {
        for text in [
            "pay\u{200D}pal",
            "pay\u{200C}pal",
            "zero\u{200B}width",
            "\u{200D}first",
            "last\u{200D}",
            "\u{1F680}\u{200D}",
            "\u{1F680}\u{200D}a",
            "a\u{200D}\u{1F680}",
            "\u{1F680}\u{200D}\u{200D}\u{1F680}",
            "\u{1F680}\u{200C}\u{1F680}",
            // Where letters do not join, a non-joiner is not seen: after an alef, at the end.
            "\u{0627}\u{200C}\u{0645}",
            "\u{0645}\u{200C}",
            "safe\u{202E}gnp.exe",
            "\u{2066}isolated",
            "\u{FEFF}mark",
            "filler\u{3164}",
            "two\u{2028}lines",
            // A text in tags, which a model reads and nobody else.
            "\u{1F3F4}\u{E0068}\u{E0069}\u{E007F}",
            "a\u{E0061}",
            &format!("{SCOTLAND}\u{E0061}"),
        ] {
            assert!(misleads(text), "{text:?}");
        }
    }
}
