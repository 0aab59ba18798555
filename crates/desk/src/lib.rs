//! desk

pub mod roster;
