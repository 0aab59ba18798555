//! What a courier learns of its line while it works: how long a silence is only slowness, how large a page gets through,
//! whether it is worth trying again. Times are measured outside; nothing here reads a clock or waits.

use std::time::Duration;

/// Shortest silence that counts as a dead flow, however near the county is.
const STALL: Duration = Duration::from_millis(3_500);
/// Part of it that does not grow with the round trip. With three round trips it outlasts a packet that is lost twice; of
/// what was measured at 800 ms, 2.5 s gave many living flows up, and 5 s waited too long for dead ones.
const CALM: Duration = Duration::from_millis(1_800);
/// Shortest silence after which a flow is doubted.
const DOUBT: Duration = Duration::from_millis(2_800);
/// Longest silence that is ever waited out.
const MOST_STALL: Duration = Duration::from_secs(30);
/// For TCP and TLS to begin: a lost packet costs one to three seconds there.
const CONNECT: Duration = Duration::from_secs(6);
/// A request is given a second for so many of its bytes: half of 64 kbit/s.
const BYTES_PER_SECOND: usize = 4_000;
/// First page, bytes before compression: about 16 KiB on the line.
const FIRST_PAGE: usize = 48 * 1024;
const LEAST_PAGE: usize = 8 * 1024;
/// Steps in a row that may move nothing: before anything ever got through, and after.
const MOST_UNHEARD: u32 = 3;
const MOST_FRUITLESS: u32 = 6;
/// Broken steps of one contact.
const MOST_BROKEN: u32 = 300;
/// Rest after a step that broke, doubled with each one that moves nothing.
const REST: Duration = Duration::from_millis(250);
const MOST_REST: Duration = Duration::from_secs(8);

/// What is known of the line.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    round: Option<Duration>,
    page: usize,
    most_page: usize,
    fruitless: u32,
    broken: u32,
    heard: bool,
}

impl Pace {
    /// Nothing is known yet; pages will never be larger than `most_page` bytes.
    pub(super) fn new(most_page: usize) -> Self {
        Self { round: None, page: FIRST_PAGE.min(most_page), most_page, fruitless: 0, broken: 0, heard: false }
    }

    /// Whether anything ever got through.
    pub(super) fn heard(&self) -> bool {
        self.heard
    }

    /// How long a flow that should bring something may be silent. It follows the measured round trip, and grows while
    /// nothing gets through: a county that is slow under its load must not be asked the same again and again.
    pub(super) fn stall(&self) -> Duration {
        let round = self.round.unwrap_or_default();
        let mut stall = round.saturating_mul(3).saturating_add(CALM).max(STALL);
        for _ in 0..self.fruitless {
            stall = stall.saturating_mul(3) / 2;
        }
        stall.min(MOST_STALL)
    }

    /// After how long a silence a flow is doubted and another one asks where the county stands, while the first is listened
    /// to still: nothing is given up by that, so a packet that is lost once may cost it.
    pub(super) fn doubt(&self) -> Duration {
        let round = self.round.unwrap_or_default();
        (round.saturating_mul(3) / 2).saturating_add(CALM).max(DOUBT).min(self.stall())
    }

    /// How long a connection may take to begin.
    pub(super) fn connect(&self) -> Duration {
        self.stall().saturating_add(CONNECT.saturating_sub(STALL))
    }

    /// How long the first byte of an answer may take after a request of so many bytes.
    pub(super) fn answer(&self, out: usize) -> Duration {
        let millis = out.saturating_mul(1_000) / BYTES_PER_SECOND;
        self.stall().saturating_add(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }

    /// Bytes of batches for the next page.
    pub(super) fn page(&self) -> usize {
        self.page
    }

    /// A small request was answered; `trips` is how often the way was gone there and back.
    pub(super) fn answered(&mut self, took: Duration, trips: u32) {
        let round = took / trips.max(1);
        self.round = Some(self.round.map_or(round, |before| before.min(round)));
        self.moved();
    }

    /// A page of so many bytes before compression got through.
    pub(super) fn paged(&mut self, bytes: usize, took: Duration) {
        self.moved();
        let beyond = took.saturating_sub(self.round.unwrap_or_default());
        if beyond > Duration::from_secs(6) {
            self.shrink();
        } else if bytes >= self.page / 2 {
            let more = if beyond < Duration::from_millis(500) {
                4
            } else if beyond < Duration::from_secs(2) {
                2
            } else {
                1
            };
            self.page = self.page.saturating_mul(more).min(self.most_page);
        }
    }

    /// Something got through.
    pub(super) fn moved(&mut self) {
        self.heard = true;
        self.fruitless = 0;
    }

    /// A step broke.
    pub(super) fn broke(&mut self) {
        self.broken = self.broken.saturating_add(1);
        self.shrink();
    }

    fn shrink(&mut self) {
        self.page = (self.page / 2).max(LEAST_PAGE.min(self.most_page));
    }

    /// How long to rest before the next try, or none if there should be no more. `dice` is any number.
    pub(super) fn rest(&mut self, fruitless: u32, dice: u16) -> Option<Duration> {
        self.fruitless = fruitless;
        let most = if self.heard { MOST_FRUITLESS } else { MOST_UNHEARD };
        if fruitless >= most || self.broken >= MOST_BROKEN {
            return None;
        }
        let mut rest = REST;
        for _ in 0..fruitless {
            rest = rest.saturating_mul(2);
        }
        // Between half and one and a half of it: desks that lost the same line do not come back in step.
        let parts = u32::from(dice % 1_000).saturating_add(500);
        Some(rest.min(MOST_REST).saturating_mul(parts) / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_silence_is_judged_by_the_measured_round_trip() {
        let mut pace = Pace::new(1 << 20);
        assert_eq!(pace.stall(), ms(3_500));
        pace.answered(ms(2_400), 3);
        assert_eq!(pace.stall(), ms(4_200), "800 ms");
        assert_eq!(pace.doubt(), ms(3_000), "another asks before that");
        pace.answered(ms(20), 1);
        assert_eq!(pace.stall(), ms(3_500), "no line is taken for dead sooner");
        let mut far = Pace::new(1 << 20);
        far.answered(ms(2_000), 1);
        assert_eq!((far.stall(), far.doubt()), (ms(7_800), ms(4_800)));
        assert!(far.answer(16_000) > far.answer(0) + ms(3_900));
        // Under load the county is given more time.
        assert!(pace.rest(2, 0).is_some());
        assert_eq!(pace.stall(), ms(7_875));
        pace.moved();
        assert_eq!(pace.stall(), ms(3_500));
    }

    #[test]
    fn pages_grow_on_a_quick_line_and_shrink_on_a_bad_one() {
        let mut pace = Pace::new(512 * 1024);
        assert_eq!(pace.page(), 48 * 1024);
        pace.paged(10, ms(1));
        assert_eq!(pace.page(), 48 * 1024, "a small page says nothing");
        for _ in 0..2 {
            pace.paged(pace.page(), ms(30));
        }
        assert_eq!(pace.page(), 512 * 1024);
        for _ in 0..10 {
            pace.broke();
        }
        assert_eq!(pace.page(), 8 * 1024);
        pace.paged(8 * 1024, ms(1_500));
        assert_eq!(pace.page(), 16 * 1024);
        pace.paged(16 * 1024, ms(3_000));
        assert_eq!(pace.page(), 16 * 1024, "it is right as it is");
        pace.paged(16 * 1024, ms(9_000));
        assert_eq!(pace.page(), 8 * 1024);
        assert_eq!(Pace::new(100).page(), 100);
    }

    #[test]
    fn patience_ends() {
        let mut pace = Pace::new(100);
        assert!(pace.rest(1, 0).is_some() && pace.rest(2, 0).is_some());
        assert_eq!(pace.rest(3, 0), None, "nobody ever answered");
        pace.moved();
        let rests: Vec<_> = (0..6).map(|fruitless| pace.rest(fruitless, 500).expect("again")).collect();
        assert_eq!(rests, [250, 500, 1_000, 2_000, 4_000, 8_000].map(ms));
        assert_eq!(pace.rest(6, 0), None);
        assert_eq!((pace.rest(0, 0), pace.rest(0, 999)), (Some(ms(125)), Some(Duration::from_micros(374_750))));
        for _ in 0..300 {
            assert!(pace.rest(0, 0).is_some());
            pace.broke();
        }
        assert_eq!(pace.rest(0, 0), None, "a contact has an end");
    }
}
