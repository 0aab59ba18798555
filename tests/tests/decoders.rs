//! T10 in the ordinary run: each decoder of ours reads what was kept and ten seconds of turned inputs. Longer sums are run
//! by `cargo run --release -p tests --bin fuzz -- all --inputs 10000000 --record` and recorded in the ledger of campaigns.
#![allow(clippy::expect_used, reason = "a test that cannot go on stops")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tests::decoders::{DECODERS, Until, kept, try_out};

#[test]
fn what_nobody_wrote_ends_no_decoder() {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(decoder) = DECODERS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    assert!(!kept(decoder.name).is_empty(), "{} keeps no inputs", decoder.name);
                    let tried = try_out(decoder, Until::Passed(Duration::from_secs(10)), 7);
                    // Most turned inputs are turned away; where none is taken nothing deep was tried.
                    assert!(tried.accepted * 1_000 >= tried.inputs, "{}: {tried:?}", decoder.name);
                    assert!(tried.longest_us < 5_000_000, "{}: {tried:?}", decoder.name);
                }
            });
        }
    });
}
