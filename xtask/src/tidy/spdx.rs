//! Licence expressions (SPDX 2.3 annex D), as far as crates use them.

/// Whether somebody who accepts what `is_accepted` says can use a thing under this expression.
/// `None` if it cannot be read.
pub(super) fn allows(expression: &str, is_accepted: &dyn Fn(&str) -> bool) -> Option<bool> {
    // Older crates write `MIT/Apache-2.0` for a choice.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, is_accepted };
    let verdict = parser.any()?;
    parser.words.is_empty().then_some(verdict)
}

struct Parser<'a> {
    words: &'a [&'a str],
    is_accepted: &'a dyn Fn(&str) -> bool,
}

impl Parser<'_> {
    fn next_is(&mut self, word: &str) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if *first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    /// `all OR all …`; OR binds more loosely than AND.
    fn any(&mut self) -> Option<bool> {
        let mut verdict = self.all()?;
        while self.next_is("OR") {
            verdict |= self.all()?;
        }
        Some(verdict)
    }

    fn all(&mut self) -> Option<bool> {
        let mut verdict = self.one()?;
        while self.next_is("AND") {
            verdict &= self.one()?;
        }
        Some(verdict)
    }

    fn one(&mut self) -> Option<bool> {
        if self.next_is("(") {
            let verdict = self.any()?;
            return self.next_is(")").then_some(verdict);
        }
        let (id, rest) = self.words.split_first()?;
        if matches!(*id, "AND" | "OR" | "WITH" | ")") {
            return None;
        }
        self.words = rest;
        if self.next_is("WITH") {
            let (exception, rest) = self.words.split_first()?;
            self.words = rest;
            return Some((self.is_accepted)(&format!("{id} WITH {exception}")));
        }
        Some((self.is_accepted)(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(expression: &str) -> Option<bool> {
        allows(expression, &|id| matches!(id, "MIT" | "Apache-2.0 WITH LLVM-exception"))
    }

    #[test]
    fn choices_need_one_and_conjunctions_all() {
        assert_eq!(verdict("MIT"), Some(true));
        assert_eq!(verdict("GPL-3.0-only"), Some(false));
        assert_eq!(verdict("GPL-3.0-only OR MIT"), Some(true));
        assert_eq!(verdict("MIT/GPL-3.0-only"), Some(true));
        assert_eq!(verdict("MIT AND GPL-3.0-only"), Some(false));
        assert_eq!(verdict("GPL-3.0-only AND MIT OR MIT"), Some(true));
        assert_eq!(verdict("GPL-3.0-only AND (MIT OR MIT)"), Some(false));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert_eq!(verdict("Apache-2.0 WITH LLVM-exception"), Some(true));
        assert_eq!(verdict("Apache-2.0"), Some(false));
    }

    #[test]
    fn what_cannot_be_read_is_not_allowed_by_accident() {
        for broken in ["", "MIT OR", "(MIT", "MIT)", "MIT MIT", "OR MIT", "MIT WITH"] {
            assert_eq!(verdict(broken), None, "{broken}");
        }
    }
}
