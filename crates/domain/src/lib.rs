//! What is true in the field, and how two truths meet: the words with their rules, facts and seals, merge, rights, exchange.
//! Pure: no clock, file, socket, randomness or async; everything from outside is an argument.

pub mod audit;
pub mod blob;
mod body;
pub mod bulletin;
pub mod bundle;
pub mod calendar;
pub mod clock;
pub mod decision;
pub mod due;
pub mod enrol;
pub mod estimate;
pub mod event;
pub mod exchange;
pub mod fact;
pub mod feed;
pub mod household;
pub mod identity;
pub mod ids;
pub mod letter;
pub mod lost;
pub mod merge;
pub mod money;
pub mod name;
pub mod org;
pub mod outreach;
pub mod pack;
pub mod payment;
pub mod phone;
pub mod place;
pub mod proposal;
pub mod receipt;
pub mod recovery;
pub mod rights;
pub mod rules;
pub mod season;
mod text;
pub mod visit;
pub mod wire;
pub mod words;

/// Signing and verifying keys of journals.
pub use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
