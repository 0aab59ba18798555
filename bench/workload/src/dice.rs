//! Seeded draws that count their own information: each adds the Shannon bits of what it decided.
//! It must never read a clock or the machine's randomness, and never draw without counting.

/// A stream of draws (splitmix64), and the bits drawn since they were last taken.
pub(crate) struct Dice {
    state: u64,
    bits: f64,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finisher of splitmix64: every bit of the input reaches every bit of the answer.
fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Dice {
    /// The stream of this seed with this name; streams of other names do not resemble it.
    pub(crate) fn new(seed: u64, name: [u32; 2]) -> Self {
        let state = name.iter().fold(mixed(seed.wrapping_add(GOLDEN)), |state, part| {
            mixed(state ^ mixed(u64::from(*part).wrapping_add(GOLDEN)))
        });
        Self { state, bits: 0.0 }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mixed(self.state)
    }

    /// A number below `choices`, without counting; 0 when there is no choice.
    fn below(&mut self, choices: u32) -> u32 {
        // The high half of a 64 × 32 bit product: every answer is as likely as another to within 2⁻³².
        let product = u128::from(self.next()) * u128::from(choices);
        u32::try_from(product >> 64).unwrap_or(0)
    }

    /// One of `choices` equally likely answers: log₂ `choices` bits.
    pub(crate) fn of(&mut self, choices: u32) -> u32 {
        if choices < 2 {
            return 0;
        }
        self.bits += f64::from(choices).log2();
        self.below(choices)
    }

    /// A number of `first..=last`, all equally likely.
    pub(crate) fn within(&mut self, first: u32, last: u32) -> u32 {
        first.saturating_add(self.of(last.saturating_sub(first).saturating_add(1)))
    }

    /// The place of one of these weights, as likely as its share of their sum: −log₂ share bits.
    pub(crate) fn weighted(&mut self, weights: &[u32]) -> u32 {
        let total: u32 = weights.iter().sum();
        let mut left = self.below(total);
        for (place, weight) in (0_u32..).zip(weights) {
            if left < *weight {
                self.bits += f64::from(total).log2() - f64::from(*weight).log2();
                return place;
            }
            left = left.saturating_sub(*weight);
        }
        0
    }

    /// True in `yes` of `total` cases.
    pub(crate) fn chance(&mut self, yes: u32, total: u32) -> bool {
        self.weighted(&[total.saturating_sub(yes), yes]) == 1
    }

    /// One of a list, all equally likely; `None` of an empty one.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let place = self.of(u32::try_from(list.len()).unwrap_or(u32::MAX));
        list.get(usize::try_from(place).unwrap_or(usize::MAX))
    }

    /// Takes one out of a list, all equally likely; `None` of an empty one.
    pub(crate) fn take<T>(&mut self, list: &mut Vec<T>) -> Option<T> {
        let place = self.of(u32::try_from(list.len()).unwrap_or(u32::MAX));
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        (place < list.len()).then(|| list.remove(place))
    }

    /// The bits drawn since they were last asked for.
    pub(crate) fn bits(&mut self) -> f64 {
        std::mem::take(&mut self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix64_is_splitmix64() {
        // The first answers of the reference implementation for the state 1234567.
        let mut dice = Dice { state: 1_234_567, bits: 0.0 };
        assert_eq!(
            [dice.next(), dice.next(), dice.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn draws_count_their_bits() {
        let mut dice = Dice::new(1, [2, 3]);
        dice.of(8);
        dice.within(1, 4);
        assert!((dice.bits() - 5.0).abs() < 1e-12);
        let heavy = dice.weighted(&[1, 3]) == 1;
        assert!((dice.bits() - if heavy { (4.0_f64 / 3.0).log2() } else { 2.0 }).abs() < 1e-12);
        dice.of(1);
        assert_eq!(dice.pick::<u8>(&[]), None);
        assert!(dice.bits().abs() < 1e-12, "no choice is no information");
        let mut list = vec![1, 2, 3, 4];
        while dice.take(&mut list).is_some() {}
        assert!((dice.bits() - 24.0_f64.log2()).abs() < 1e-9, "4 · 3 · 2 orders");
    }

    #[test]
    fn every_answer_is_as_likely_as_told() {
        let mut dice = Dice::new(7, [0, 0]);
        let mut seen = [0_u32; 5];
        for _ in 0..50_000 {
            seen[usize::try_from(dice.of(5)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|n| n.abs_diff(10_000) < 400), "{seen:?}");
        let heavy = (0..40_000).filter(|_| dice.chance(1, 4)).count();
        assert!(heavy.abs_diff(10_000) < 400, "{heavy}");
    }
}
