//! The encrypted SQLite file of a desk: the log of facts, the views that screens read, blobs, search; and the sealed
//! bundles that leave a disk on a stick.
//! SQL stays in here. Views can be rebuilt from the log at any time and are then equal to the live ones.

mod anchor;
mod blobs;
pub mod bundle;
pub mod copies;
mod deciding;
mod drafts;
mod fault;
pub mod file;
mod filing;
#[cfg(test)]
mod folder;
mod journals;
mod laptops;
mod leaving;
mod log;
mod looks;
mod names;
mod numbers;
mod officers;
mod reads;
mod restored;
mod retold;
mod sealing;
mod search;
pub mod stick;
mod taken_over;
mod taking;
mod views;

pub use blobs::{Blob, Missing, Outgoing};
pub use bundle::boxes;
pub use copies::{Copied, Copier, FOLDER as COPIES};
pub use drafts::Draft;
pub use fault::{DiskTrouble, StoreFault};
pub use laptops::Laptop;
pub use log::{Pen, Standing, Store};
pub use looks::Look;
pub use numbers::Numbers;
pub use officers::Officers;
pub use reads::{Assignments, Counts, Family, Letter, Registers, Said, StandingFacts, Visit};
pub use retold::Filled;
pub use sealing::SEALED_AT_ONCE;
pub use search::{Found, Hit, Why};
pub use taking::{Absorbed, MOST_UNFILED};
