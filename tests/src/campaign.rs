//! Many small random histories on all cores, each told by its seed. A failure names the seed that tells it again
//! (`SEED=n`), and a campaign that met no case of what it is about is a failure too: zero faults must mean something.

use std::io::Write as _;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Says which history was being told when something went wrong.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if thread::panicking() {
            say(&format!("the history of SEED={} failed", self.0));
        }
    }
}

/// To the terminal itself: what a test prints is kept from people while it passes.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("a terminal");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

/// Tells `ordinary` histories (`long` with `RUHU_SLOW=1`, `CASES` if that is set), or the one of `SEED`.
///
/// A history answers which of `shapes` it had; each must come up in one of a hundred histories at least.
pub fn campaign<const N: usize>(
    what: &str,
    (ordinary, long): (u64, u64),
    shapes: [&str; N],
    history: impl Fn(u64) -> [bool; N] + Sync,
) {
    let tell = |seed| {
        let told = Told(seed);
        let had = history(seed);
        drop(told);
        had
    };
    if let Some(seed) = number("SEED") {
        let had = tell(seed);
        say(&format!("{what}: SEED={seed} holds: {:?}", shapes.iter().zip(had).collect::<Vec<_>>()));
        return;
    }
    let slow = std::env::var_os("RUHU_SLOW").is_some();
    let cases = number("CASES").unwrap_or(if slow { long } else { ordinary });
    let next = AtomicU64::new(1);
    let met = [(); N].map(|()| AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > cases {
                        break;
                    }
                    for (count, had) in met.iter().zip(tell(seed)) {
                        count.fetch_add(u64::from(had), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let met = met.map(AtomicU64::into_inner);
    let shares: Vec<String> = shapes.iter().zip(met).map(|(shape, count)| format!("{shape} {count}")).collect();
    // The rule of three: with 0 faults in n, 95 % of the time the rate is below 3/n.
    let bound = 300_000_000 / cases.max(1);
    say(&format!(
        "{what}: 0 in {cases}, 95 % bound 3/{cases} = {}.{:06} %; {}",
        bound / 1_000_000,
        bound % 1_000_000,
        shares.join(", ")
    ));
    for (shape, count) in shapes.iter().zip(met) {
        assert!(count.saturating_mul(100) >= cases, "{what}: {shape} in {count} of {cases} only");
    }
}
