//! The county master: it takes in sealed batches, gives each a place in the county log, and hands out what a person may see.
//! It verifies, stores and forwards. Of the bodies it reads only what `domain::rights` reads; it must never read a
//! visit, a letter or a name, and never wait on the network while it holds the ledger.
//!
//! The steps of the exchange are plain functions of [`County`]; sockets are outside, in [`serve`].

mod anchor;
mod backup;
mod blob;
mod body;
mod carried;
mod chance;
mod clock;
mod county;
mod crowd;
mod enrol;
mod http;
mod keys;
mod ledger;
mod lost;
mod permit;
mod pull;
mod push;
mod record;
mod restore;
mod serve;
mod stick;
mod tls;

#[cfg(test)]
mod tests;

pub use backup::Backed;
pub use blob::PaperPart;
pub use carried::{Answered, Left, MOST_CARRIED, Report, Taken};
pub use chance::Chance;
pub use clock::Clock;
pub use county::{County, CountyFault, Founding, PageLimits, Status};
pub use enrol::{Invite, Invited, Waiting};
pub use http::MOST_MESSAGE;
pub use ledger::LedgerFault;
pub use lost::{Quarantined, TakenHeld};
pub use restore::Proof;
pub use serve::{ServeFault, serve};
