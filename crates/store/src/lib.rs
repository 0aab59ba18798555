//! The encrypted SQLite file of a desk: the log of facts, the views that screens read, blobs, search.
//! SQL stays in here. Views can be rebuilt from the log at any time and are then equal to the live ones.

mod anchor;
mod blobs;
mod fault;
pub mod file;
mod log;
mod reads;
mod search;
mod views;

pub use blobs::Blob;
pub use fault::{DiskTrouble, StoreFault};
pub use log::{Absorbed, Pen, Standing, Store};
pub use reads::{Assignments, Counts, Family, Letter, Numbers, Registers, Said, StandingFacts, Visit};
pub use search::{Hit, Why};
