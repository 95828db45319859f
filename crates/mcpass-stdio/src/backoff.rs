//! How long a server that fails is left alone.

use std::time::Duration;

use mcpass_domain::Entropy;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);
/// A process that ran for so long was well: what went wrong before is forgotten.
pub(crate) const WELL: Duration = Duration::from_mins(1);

/// How long to wait after so many failures in a row, from 1: twice as long each time, and at random
/// up to half less, so that many servers that failed together do not come back together.
pub(crate) fn delay(failures: u32, entropy: &dyn Entropy) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let longest = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let mut random = [0_u8; 2];
    // Without randomness the wait is the longest.
    let less = match entropy.fill(&mut random) {
        Ok(()) => u32::from(u16::from_le_bytes(random)),
        Err(_) => 0,
    };
    longest.saturating_sub(longest.saturating_mul(less) / (u32::from(u16::MAX) * 2))
}

#[cfg(test)]
mod tests {
    use mcpass_domain::time::SeededEntropy;

    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_vary() {
        let entropy = SeededEntropy::new(1);
        for (failures, longest) in [(1, 200), (2, 400), (5, 3_200), (8, 25_600), (9, 30_000)] {
            let longest = Duration::from_millis(longest);
            for _ in 0..100 {
                let wait = delay(failures, &entropy);
                assert!(wait <= longest && wait >= longest / 2, "{failures}: {wait:?}");
            }
        }
        assert!(delay(u32::MAX, &entropy) <= LONGEST);
        let waits: Vec<_> = (0..8).map(|_| delay(9, &entropy)).collect();
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
}
