//! Many small random histories on all cores, each told by its seed. A failure names the seed that tells it again
//! (`SEED=n`), and a campaign that met no case of what it is about is a failure too: zero faults must mean something.

use std::io::Write as _;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// When a long run began, for its line in `campaigns.jsonl`.
pub struct Begun(Instant);

impl Begun {
    /// Now.
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Appends a line to the ledger of campaigns: what ran, on which seeds, and how it ended.
    pub fn record(&self, target: &str, seeds: &str, result: &str, note: &str) {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_millis();
        let date = domain::clock::Millis(i64::try_from(seconds).expect("a date")).day().to_string();
        let line = serde_json::json!({
            "date": date, "target": target, "seeds": seeds, "result": result,
            "wall_s": self.0.elapsed().as_secs(), "note": note, "commit": commit(),
        });
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/campaigns.jsonl");
        let mut ledger = std::fs::OpenOptions::new().append(true).create(true).open(path).expect("the ledger");
        writeln!(ledger, "{line}").expect("the ledger");
    }
}

/// The commit that is being tested, with a plus if the tree is not clean.
pub fn commit() -> String {
    let said = |words: &[&str]| {
        let said = std::process::Command::new("git").args(words).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default()
    };
    let changed = if said(&["status", "--porcelain", "--untracked-files=no"]).is_empty() { "" } else { "+" };
    format!("{}{changed}", said(&["rev-parse", "--short=12", "HEAD"]))
}

/// Whether the long campaigns run.
pub fn slow() -> bool {
    std::env::var_os("RUHU_SLOW").is_some()
}

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
    let begun = Begun::now();
    let cases = number("CASES").unwrap_or(if slow() { long } else { ordinary });
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
    if slow() {
        let bound = format!("0 failures, 95 % bound {}.{:06} %", bound / 1_000_000, bound % 1_000_000);
        begun.record(what, &format!("1-{cases}"), &bound, &shares.join(", "));
    }
    for (shape, count) in shapes.iter().zip(met) {
        assert!(count.saturating_mul(100) >= cases, "{what}: {shape} in {count} of {cases} only");
    }
}
