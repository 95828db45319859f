//! Bars: how much of a limit is used, and what happened hour by hour. Pictures are made here, as
//! SVG, so that no script draws anything; sizes are attributes, which the policy allows.

use askama::Template;

use super::{When, count, is_html};

/// How much of a limit is used right now.
#[derive(Clone, Debug, Template)]
#[template(path = "part/meter.html")]
pub(crate) struct Meter {
    pub(crate) label: &'static str,
    pub(crate) used: u64,
    pub(crate) limit: u64,
}
is_html!(Meter);

impl Meter {
    /// In thousandths, at most all of it.
    fn filled(&self) -> u64 {
        (self.used.saturating_mul(1000) / self.limit.max(1)).min(1000)
    }

    fn told(&self) -> String {
        format!("{} of {} used", count(self.used), count(self.limit))
    }

    fn class(&self) -> &'static str {
        match self.filled() {
            1000.. => "meter is-full",
            800..1000 => "meter is-high",
            _ => "meter",
        }
    }
}

/// One hour.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) hour: When,
    pub(crate) ok: u64,
    pub(crate) errors: u64,
    pub(crate) refused: u64,
}

impl Span {
    fn total(&self) -> u64 {
        self.ok + self.errors + self.refused
    }

    fn numbers(&self) -> [String; 3] {
        [count(self.ok), count(self.errors), count(self.refused)]
    }
}

/// Requests over time: one bar an hour, with errors and refusals in colours of their own.
#[derive(Clone, Debug, Template)]
#[template(path = "part/strip.html")]
pub(crate) struct Strip {
    pub(crate) spans: Vec<Span>,
    /// What the numbers are of, for who cannot see the picture.
    pub(crate) title: String,
}
is_html!(Strip);

/// A bar's part.
#[derive(Clone, Copy, Debug)]
struct Piece {
    x: u64,
    y: u64,
    height: u64,
    class: &'static str,
}

impl Strip {
    const WIDTH: u64 = 720;
    const HEIGHT: u64 = 96;
    const LEFT: u64 = 44;
    const GAP: u64 = 2;

    /// The number at the top of the axis: the next of 1, 2, 5, 10, 20, … that all bars fit under.
    fn top(&self) -> u64 {
        let largest = self.spans.iter().map(Span::total).max().unwrap_or(0);
        let mut step = 1_u64;
        loop {
            for factor in [1, 2, 5] {
                let top = step.saturating_mul(factor);
                if top >= largest.max(1) {
                    return top;
                }
            }
            step = step.saturating_mul(10);
        }
    }

    fn step(&self) -> u64 {
        (Self::WIDTH - Self::LEFT) / (self.spans.len() as u64).max(1)
    }

    fn bar_width(&self) -> u64 {
        self.step().saturating_sub(Self::GAP).max(1)
    }

    fn pieces(&self) -> Vec<Piece> {
        let (top, step) = (self.top(), self.step());
        let mut pieces = Vec::new();
        for (at, span) in self.spans.iter().enumerate() {
            let mut y = Self::HEIGHT;
            let parts = [(span.ok, "s-ok"), (span.errors, "s-error"), (span.refused, "s-refused")];
            for (amount, class) in parts.into_iter().filter(|(amount, _)| *amount > 0) {
                // One request among many is still to be seen.
                let height = (amount * Self::HEIGHT / top).max(1);
                y = y.saturating_sub(height);
                pieces.push(Piece { x: Self::LEFT + at as u64 * step, y, height, class });
            }
        }
        pieces
    }

    fn top_told(&self) -> String {
        count(self.top())
    }

    fn total_told(&self) -> String {
        count(self.total())
    }

    fn total(&self) -> u64 {
        self.spans.iter().map(Span::total).sum()
    }

    /// The hours that stand under the axis, and where: at its left and at its right.
    fn ends(&self) -> Vec<(&When, &'static str)> {
        let ends = [(self.spans.first(), "start"), (self.spans.last(), "end")];
        ends.into_iter().filter_map(|(span, anchor)| Some((&span?.hour, anchor))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(totals: &[u64]) -> Strip {
        let hour = || When::hour(mcpass_domain::Timestamp::from_micros(0));
        let spans =
            totals.iter().map(|total| Span { hour: hour(), ok: *total, errors: 0, refused: 0 });
        Strip { spans: spans.collect(), title: "x".to_owned() }
    }

    #[test]
    fn the_axis_ends_at_a_round_number() {
        for (largest, top) in [(0, 1), (1, 1), (3, 5), (5, 5), (6, 10), (11, 20), (201, 500)] {
            assert_eq!(strip(&[0, largest]).top(), top);
        }
    }

    #[test]
    fn bars_begin_at_zero_and_the_smallest_is_seen() {
        let mut strip = strip(&[1000, 0, 1]);
        strip.spans[2].errors = 1;
        let pieces = strip.pieces();
        assert_eq!(pieces.len(), 3);
        assert_eq!((pieces[0].y, pieces[0].height), (0, Strip::HEIGHT));
        assert_eq!((pieces[1].y, pieces[1].height), (Strip::HEIGHT - 1, 1));
        assert_eq!((pieces[2].y, pieces[2].class), (Strip::HEIGHT - 2, "s-error"));
    }

    #[test]
    fn a_limit_that_is_used_up_says_so() {
        let meter = |used| Meter { label: "x", used, limit: 60 }.class();
        assert_eq!((meter(0), meter(48), meter(60)), ("meter", "meter is-high", "meter is-full"));
        assert_eq!(Meter { label: "x", used: 1, limit: 0 }.filled(), 1000);
    }
}
