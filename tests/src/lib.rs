//! Worlds for tests and benches: a practice county served over real HTTPS on loopback, desks that joined it, and small
//! due lists of invented people. Everything goes through the doors that people use; nothing here may stand in for a part
//! of the program or leave a file behind, and only `opened` looks into a database, as a thief with the passphrase would.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a world that cannot be made stops the test, and measures by the machine's clock"
)]

pub mod bench_import;
pub mod bench_line;
pub mod bench_road;
#[cfg(feature = "measure")]
pub mod bench_sync;
mod campaign;
pub mod canary;
mod chance;
pub mod crowd;
#[cfg(feature = "measure")]
pub mod day;
pub mod decoders;
#[cfg(feature = "measure")]
pub mod dictionary;
mod envoy;
mod folder;
mod kills;
pub mod line;
mod list;
mod opened;
mod program;
#[cfg(target_os = "linux")]
mod ring;
mod seat;
mod session;
#[allow(
    clippy::wildcard_enum_match_arm,
    clippy::map_err_ignore,
    clippy::type_complexity,
    missing_docs,
    unreachable_pub,
    reason = "the simulator is read as one program of many small files, not as a library"
)]
pub mod sim;
mod story;
mod team;
#[cfg(target_os = "linux")]
mod tracer;
#[cfg(target_os = "linux")]
pub mod tun;
#[cfg(target_os = "linux")]
mod volume;
mod world;

pub use campaign::{Begun, campaign, commit, slow};
pub use chance::Chance;
pub use envoy::Envoy;
pub use folder::{Folder, copy_tree};
pub use kills::{Moments, kill_at};
pub use list::{Family, List, id_number, places_in};
pub use opened::{left_by_older, of_schema_before, spoil_sum, tables_with};
pub use program::{Spoken, assets, fixtures, program, run, spawn};
#[cfg(target_os = "linux")]
pub use ring::Ring;
pub use seat::{PASSPHRASE, Seat, bytes, difference, failure_code, field, items, picture, text, without};
pub use session::{Session, reply};
pub use story::{NOON, Story};
pub use team::Team;
#[cfg(target_os = "linux")]
pub use tracer::Tracer;
#[cfg(target_os = "linux")]
pub use volume::{SKIPPED, Switch, Volume};
pub use world::{Asleep, World, moment};
