//! Trains the dictionaries of the wire: other days of the workload than the one that is measured, and what a first day
//! brings. The same samples give the same bytes. Dictionary 1 is frozen: a new one gets its own file and number.

use domain::exchange::Message as _;
use domain::pack::MOST_INFLATED;
use serde_json::{Map, Value, json};
use workload::{Size, Workload};

use crate::assets;
use crate::day::{Before, page, push};

/// Bytes of the dictionary of all but texts.
const MAIN: usize = 16 * 1024;
/// Bytes of that of texts.
const TEXTS: usize = 32 * 1024;
/// Every so many batches of a first day one is a sample.
const SOME: usize = 4;

/// Trains on the workload's days 11 and 12 and writes `assets/wire/1.dict` and `1-texts.dict`.
///
/// # Panics
/// When a day cannot be made or a file not be written.
pub fn train(figures: &mut Map<String, Value>) {
    let (mut mains, mut texts) = (Vec::new(), Vec::new());
    let mut take = |(main, side): (Vec<u8>, Vec<u8>)| {
        assert!(main.len() + side.len() <= MOST_INFLATED, "a message");
        mains.push(main);
        texts.push(side);
    };
    for seed in [11, 12] {
        let work = Workload::new(seed, Size { fields: 3, ..Size::COUNTY }).expect("a day");
        let mut before = Before::of(&work);
        let first = before.pages.iter().flat_map(|page| &page.deliveries);
        for delivery in first.step_by(SOME) {
            take(page(vec![delivery.clone()]).both());
        }
        for device in 0..work.size().devices {
            take(push(&before.day(&work, device)).both());
        }
    }
    for (name, samples, size) in [("1.dict", mains, MAIN), ("1-texts.dict", texts, TEXTS)] {
        let bytes = zstd::dict::from_samples(&samples, size).expect("trained");
        figures.insert(format!("{name} samples"), json!(samples.len()));
        figures.insert(format!("{name} bytes"), json!(bytes.len()));
        std::fs::write(assets().join("wire").join(name), bytes).expect("written");
    }
}
